#define _GNU_SOURCE
#include "answers.h"
#include <arpa/inet.h>
#include <string.h>
#include <zlib.h>

enum { SSE, NDJSON, EVENTSTREAM };

static const char *const types[] = { "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream" };

/* Texts of one dialect. Of an event `name` is NULL where events have none. Events that stand here as
 * server-sent ones are framed as the dialect has it. */
typedef struct {
	const char *path;
	int framing;
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
#define LINE(rest) "data: {\"model\":\"mock-1\",\"created_at\":\"2025-01-01T00:00:00.000000001Z\"," rest "}\n\n"
#define NAMED(name, data) "event: " name "\ndata: {" data "}\n\n"
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
	[BEDROCK] = {
		.path = "/converse",
		.framing = EVENTSTREAM,
		.body_pre = "{\"metrics\":{\"latencyMs\":500},\"output\":{\"message\":{\"content\":[{\"text\":\"",
		.body_post = "\"}],\"role\":\"assistant\"}},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":12,\"outputTokens\":34,"
		    "\"totalTokens\":46}}",
		.name = "contentBlockDelta",
		.pre = "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"",
		.post = "\"},\"p\":\"abcdefghijklmnopqrstuvwxyz\"}",
		.begin = NAMED("messageStart", "\"p\":\"abcdefghijklmnopq\",\"role\":\"assistant\""),
		.end = NAMED("contentBlockStop", "\"contentBlockIndex\":0,\"p\":\"abcdefg\"")
		    NAMED("messageStop", "\"p\":\"abc\",\"stopReason\":\"end_turn\"")
		    NAMED("metadata", "\"metrics\":{\"latencyMs\":500},\"p\":\"abcdef\",\"usage\":{\"inputTokens\":12,\"outputTokens\":34,"
		    "\"totalTokens\":46}"),
		.error = NAMED("!internalServerException", "\"message\":\"mock failure in the stream\""),
	},
	[OLLAMA] = {
		.path = "/api/chat",
		.framing = NDJSON,
		.body_pre = "{\"model\":\"mock-1\",\"created_at\":\"2025-01-01T00:00:00.000000001Z\",\"message\":{\"role\":\"assistant\",\"content\":\"",
		.body_post = "\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":900,\"load_duration\":1,\"prompt_eval_count\":12,"
		    "\"prompt_eval_duration\":2,\"eval_count\":34,\"eval_duration\":890}",
		.pre = "{\"model\":\"mock-1\",\"created_at\":\"2025-01-01T00:00:00.000000001Z\",\"message\":{\"role\":\"assistant\",\"content\":\"",
		.post = "\"},\"done\":false}",
		.begin = "",
		.end = LINE("\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":900,"
		    "\"load_duration\":1,\"prompt_eval_count\":12,\"prompt_eval_duration\":2,\"eval_count\":34,\"eval_duration\":890"),
		.error = "data: {\"error\":\"mock failure in the stream\"}\n\n",
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

/* ---- framings ------------------------------------------------------------------------------ */
static void add_header(buf_t *b, const char *name, const char *value, size_t n)
{
	uint16_t len = htons((uint16_t)n);
	char size = (char)strlen(name);
	buf_add(b, &size, 1);
	buf_str(b, name);
	buf_add(b, "\7", 1);
	buf_add(b, &len, 2);
	buf_add(b, value, n);
}

static uint32_t crc(const char *p, size_t n)
{
	return htonl((uint32_t)crc32_z(0, (const unsigned char *)p, n));
}

/* an AWS frame; a name that begins with '!' is that of an exception */
static void add_aws(buf_t *b, const char *name, size_t n, const char *data, size_t len)
{
	size_t from = b->len;
	int failed = *name == '!';
	buf_add(b, "\0\0\0\0\0\0\0\0\0\0\0", 12);
	add_header(b, failed ? ":exception-type" : ":event-type", name + failed, n - (size_t)failed);
	add_header(b, ":content-type", "application/json", 16);
	add_header(b, ":message-type", failed ? "exception" : "event", failed ? 9 : 5);
	uint32_t lengths[2] = { 0, htonl((uint32_t)(b->len - from - 12)) };
	buf_add(b, data, len);
	lengths[0] = htonl((uint32_t)(b->len - from + 4));
	memcpy(b->p + from, lengths, 8);
	uint32_t sum = crc(b->p + from, 8);
	memcpy(b->p + from + 8, &sum, 4);
	sum = crc(b->p + from, b->len - from);
	buf_add(b, &sum, 4);
}

static void add_event(buf_t *b, int framing, const char *name, size_t n, const char *data, size_t len)
{
	if (framing == EVENTSTREAM) {
		add_aws(b, name, n, data, len);
		return;
	}
	if (framing == SSE && n)
		buf_fmt(b, "event: %.*s\n", (int)n, name);
	if (framing == SSE)
		buf_str(b, "data: ");
	buf_add(b, data, len);
	buf_str(b, framing == SSE ? "\n\n" : "\n");
}

/* server-sent events as they stand in the table, in the framing of the dialect */
static void set_events(buf_t *to, const texts_t *t, const char *events, const char *behind)
{
	buf_t b = { 0 };
	while (*events) {
		const char *name = strncmp(events, "event: ", 7) ? "" : events + 7, *data = *name ? strchr(name, '\n') + 1 : events;
		const char *end = strstr(data += 6, "\n\n");
		add_event(&b, t->framing, name, strcspn(name, "\n"), data, (size_t)(end - data));
		events = end + 2;
	}
	set_chunk(to, b.p, b.len, behind);
	buf_free(&b);
}

void answers_seal(const answers_t *a)
{
	if (!a->frame_crc)
		return;
	uint32_t sum = crc(a->frame.p + a->frame_from, a->frame_crc - a->frame_from);
	memcpy(a->frame.p + a->frame_crc, &sum, 4);
}

/* ---- answers ------------------------------------------------------------------------------- */
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
	buf_t data = { 0 }, b = { 0 };
	buf_str(&data, t->pre);
	buf_fmt(&data, MARK, 0, 0ull);
	if (chunk > MARK_LEN)
		buf_filler(&data, chunk - MARK_LEN);
	buf_str(&data, t->post);
	add_event(&b, t->framing, t->name ? t->name : "", t->name ? strlen(t->name) : 0, data.p, data.len);
	set_chunk(&a->frame, b.p, b.len, "");
	a->frame_mark = (size_t)((char *)memmem(a->frame.p, a->frame.len, "@@", 2) - a->frame.p);
	a->frame_from = a->frame.len - 2 - b.len;
	a->frame_crc = t->framing == EVENTSTREAM ? a->frame.len - 2 - 4 : 0;
	buf_free(&b);
	buf_free(&data);
}

void answers_prepare(answers_t *a, int dialect, size_t body, size_t chunk)
{
	static const char last[] = "0\r\n\r\n";
	const texts_t *t = &texts[dialect];
	const char *end_usage = t->end_usage ? t->end_usage : t->end;
	prepare_body(a, t, body);
	prepare_frame(a, t, chunk);
	set_events(&a->begin, t, t->begin, "");
	set_events(&a->end, t, t->end, last);
	set_events(&a->end_usage, t, end_usage, last);
	set_events(&a->error, t, t->error, last);
	snprintf(a->head, sizeof a->head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nCache-Control: no-cache\r\n"
	    "x-request-id: req_mock\r\nTransfer-Encoding: chunked\r\n\r\n", types[t->framing]);
}
