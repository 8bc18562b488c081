/* What the mock says, in six dialects: whole answers and the events of streams, prepared once. */
#ifndef ANSWERS_H
#define ANSWERS_H
#include "util.h"

enum { OPENAI_CHAT, ANTHROPIC, GEMINI, RESPONSES, BEDROCK, OLLAMA, DIALECTS };

/* @@sequence:time@@ in the text of each content event */
#define MARK "@@%06u:%016llx@@" /* 2 + 6 + 1 + 16 + 2 bytes */
#define MARK_LEN 27

typedef struct {
	buf_t json;           /* whole non-stream answer, head included */
	buf_t begin;          /* the events before the first content; this and the next ones are HTTP chunks */
	buf_t frame;          /* one content event */
	size_t frame_mark;    /* where its mark is */
	size_t frame_from, frame_crc; /* of an AWS frame: where it begins, and its last checksum is; 0: no such frame */
	char head[256];       /* of a stream */
	buf_t end, end_usage; /* what follows the content, to the end of the body; the second where usage is asked for */
	buf_t error;          /* an error event, and the end of the body */
} answers_t;

/* The dialect that a request's path speaks, or -1. */
int answers_dialect(const char *path);

/* `body`: bytes of the whole answer, `chunk`: of text in a content event; neither less than its skeleton. */
void answers_prepare(answers_t *a, int dialect, size_t body, size_t chunk);

/* The mark has been changed: puts the frame's checksum right, if it has one. */
void answers_seal(const answers_t *a);
#endif
