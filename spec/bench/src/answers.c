#include "answers.h"
#include <string.h>

/* Texts of one dialect. Of an event `name` is NULL where events have none. */
typedef struct {
	const char *path;
	const char *body_pre, *body_post;   /* around the text of a whole answer */
	const char *name, *pre, *post;      /* a content event around its text */
	const char *begin, *end, *end_usage, *error; /* events as they stand, each with its blank line; end_usage: also with usage */
} texts_t;

#define CHAT(delta, finish) "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000," \
	"\"model\":\"mock-1\",\"choices\":[{\"index\":0,\"delta\":" delta ",\"logprobs\":null,\"finish_reason\":" finish "}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define RESPONSE(status, output, usage) "{\"id\":\"resp_mock\",\"object\":\"response\",\"created_at\":1700000000,\"status\":\"" status \
	"\",\"error\":null,\"incomplete_details\":null,\"model\":\"mock-1\",\"output\":[" output "],\"parallel_tool_calls\":true," \
	"\"tool_choice\":\"auto\",\"tools\":[],\"usage\":" usage "}"
#define ITEM(status, content) "{\"id\":\"msg_mock\",\"type\":\"message\",\"status\":\"" status "\",\"role\":\"assistant\",\"content\":[" content "]}"
#define PART_PRE "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\""
#define RESPONSE_USAGE "{\"input_tokens\":12,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":34," \
	"\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":46}"
#define GEMINI_USAGE "\"usageMetadata\":{\"promptTokenCount\":12,\"candidatesTokenCount\":34,\"totalTokenCount\":46}," \
	"\"modelVersion\":\"mock-1\",\"responseId\":\"mock\"}"

static const texts_t texts[DIALECTS] = {
	[OPENAI_CHAT] = {
		.path = "/chat/completions",
		.body_pre = "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"mock-1\","
		    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
		.body_post = "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
		    "\"completion_tokens\":34,\"total_tokens\":46}}",
		.pre = "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock-1\","
		    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
		.post = "\"},\"logprobs\":null,\"finish_reason\":null}]}",
		.begin = "",
		.end = CHAT("{}", "\"stop\"") DONE,
		.end_usage = CHAT("{}", "\"stop\"")
		    "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock-1\","
		    "\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":200,\"total_tokens\":212}}\n\n" DONE,
		.error = "data: {\"error\":{\"message\":\"mock failure in the stream\",\"type\":\"server_error\",\"code\":\"mock_mid\"}}\n\n",
	},
	[ANTHROPIC] = {
		.path = "/messages",
		.body_pre = "{\"id\":\"msg_mock\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock-1\",\"content\":[{\"type\":\"text\",\"text\":\"",
		.body_post = "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,"
		    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":34}}",
		.name = "content_block_delta",
		.pre = "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
		.post = "\"}}",
		.begin = EVENT("message_start", ",\"message\":{\"id\":\"msg_mock\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock-1\","
		    "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,\"cache_creation_input_tokens\":0,"
		    "\"cache_read_input_tokens\":0,\"output_tokens\":1}}")
		    EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
		    EVENT("ping", ""),
		.end = EVENT("content_block_stop", ",\"index\":0")
		    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":34}")
		    EVENT("message_stop", ""),
		.error = EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"mock failure in the stream\"}"),
	},
	[GEMINI] = {
		.path = "enerateContent",
		.body_pre = "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"",
		.body_post = "\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}]," GEMINI_USAGE,
		.pre = "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"",
		.post = "\"}],\"role\":\"model\"},\"index\":0}]," GEMINI_USAGE,
		.begin = "",
		.end = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],"
		    GEMINI_USAGE "\n\n",
		.error = "data: {\"error\":{\"code\":503,\"message\":\"mock failure in the stream\",\"status\":\"UNAVAILABLE\"}}\n\n",
	},
	[RESPONSES] = {
		.path = "/responses",
		.body_pre = "{\"id\":\"resp_mock\",\"object\":\"response\",\"created_at\":1700000000,\"status\":\"completed\",\"error\":null,"
		    "\"incomplete_details\":null,\"model\":\"mock-1\",\"output\":[{\"id\":\"msg_mock\",\"type\":\"message\","
		    "\"status\":\"completed\",\"role\":\"assistant\",\"content\":[" PART_PRE,
		.body_post = "\"}]}],\"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"tools\":[],\"usage\":" RESPONSE_USAGE "}",
		.name = "response.output_text.delta",
		.pre = "{\"type\":\"response.output_text.delta\",\"item_id\":\"msg_mock\",\"output_index\":0,\"content_index\":0,"
		    "\"logprobs\":[],\"delta\":\"",
		.post = "\"}",
		.begin = EVENT("response.created", ",\"response\":" RESPONSE("in_progress", "", "null"))
		    EVENT("response.output_item.added", ",\"output_index\":0,\"item\":" ITEM("in_progress", ""))
		    EVENT("response.content_part.added", ",\"item_id\":\"msg_mock\",\"output_index\":0,\"content_index\":0,\"part\":" PART_PRE "\"}"),
		.end = EVENT("response.output_text.done", ",\"item_id\":\"msg_mock\",\"output_index\":0,\"content_index\":0,\"text\":\"all of it\"")
		    EVENT("response.content_part.done", ",\"item_id\":\"msg_mock\",\"output_index\":0,\"content_index\":0,\"part\":" PART_PRE "all of it\"}")
		    EVENT("response.output_item.done", ",\"output_index\":0,\"item\":" ITEM("completed", PART_PRE "all of it\"}"))
		    EVENT("response.completed", ",\"response\":" RESPONSE("completed", ITEM("completed", PART_PRE "all of it\"}"), RESPONSE_USAGE)),
		.error = EVENT("error", ",\"code\":\"server_error\",\"message\":\"mock failure in the stream\",\"param\":null"),
	},
};

int answers_dialect(const char *path)
{
	for (int i = 0; i < DIALECTS; i++)
		if (strstr(path, texts[i].path))
			return i;
	return -1;
}

static void set_chunk(buf_t *b, const char *bytes, size_t len, const char *behind)
{
	buf_reset(b);
	if (len) {
		buf_fmt(b, "%zx\r\n", len);
		buf_add(b, bytes, len);
		buf_str(b, "\r\n");
	}
	buf_str(b, behind);
}

static void prepare_body(answers_t *a, const texts_t *t, size_t want)
{
	static const char mark[] = "@@mock@@ ";
	buf_t b = { 0 };
	size_t fixed = strlen(t->body_pre) + sizeof mark - 1 + strlen(t->body_post);
	buf_str(&b, t->body_pre);
	buf_str(&b, mark);
	if (want > fixed)
		buf_filler(&b, want - fixed);
	buf_str(&b, t->body_post);
	buf_reset(&a->json);
	buf_fmt(&a->json, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_mock\r\nContent-Length: %zu\r\n\r\n", b.len);
	buf_add(&a->json, b.p, b.len);
	buf_free(&b);
}

static void prepare_frame(answers_t *a, const texts_t *t, size_t chunk)
{
	buf_t b = { 0 };
	if (t->name)
		buf_fmt(&b, "event: %s\n", t->name);
	buf_str(&b, "data: ");
	buf_str(&b, t->pre);
	size_t mark = b.len;
	buf_fmt(&b, MARK, 0, 0ull);
	if (chunk > MARK_LEN)
		buf_filler(&b, chunk - MARK_LEN);
	buf_str(&b, t->post);
	buf_str(&b, "\n\n");
	set_chunk(&a->frame, b.p, b.len, "");
	a->frame_mark = a->frame.len - 2 - b.len + mark;
	buf_free(&b);
}

void answers_prepare(answers_t *a, int dialect, size_t body, size_t chunk)
{
	static const char last[] = "0\r\n\r\n";
	const texts_t *t = &texts[dialect];
	const char *end_usage = t->end_usage ? t->end_usage : t->end;
	prepare_body(a, t, body);
	prepare_frame(a, t, chunk);
	set_chunk(&a->begin, t->begin, strlen(t->begin), "");
	set_chunk(&a->end, t->end, strlen(t->end), last);
	set_chunk(&a->end_usage, end_usage, strlen(end_usage), last);
	set_chunk(&a->error, t->error, strlen(t->error), last);
}
