"""What surrounds a request - scripts, tools of the command line, errors - is the same for each dialect and operation."""
import json

from config import config, provider

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
URI = "data:image/png;base64," + PNG
LONG = "word " * 400  # 500 tokens
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SPEC = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}
SHOWN = [{"type": "text", "text": LONG}, {"type": "image_url", "image_url": {"url": URI}}]


def said(text):
    return [{"role": "user", "content": text}]


# ---- what scripts see of a request -----------------------------------------------------------------
# Says what it sees, and ends the request.
LOOK = """return tide.policy { route = function(req)
  local seen = { req.protocol, req.op, req.stream, req.messages, req.has_tools, req.has_images, req.json_mode,
    req.tokens.max_out or 0, req.user or "" }
  return nil, { kind = "bad_request", message = "seen" .. tide.json.encode(seen) .. " " .. req.tokens.prompt }
end }"""

SEEN = [
    ("/model/smart/converse", {"messages": said([{"text": LONG}])},
     ["bedrock-converse", "chat", False, 1, False, False, False, 0, ""]),
    ("/model/smart/converse-stream",
     {"messages": said([{"text": LONG}, {"image": {"format": "png", "source": {"bytes": PNG * 50}}}]),
      "inferenceConfig": {"maxTokens": 9}, "toolConfig": {"tools": [SPEC]},
      "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}}},
     ["bedrock-converse", "chat", True, 1, True, True, True, 9, ""]),
    ("/v2/chat", {"messages": said(SHOWN), "tools": [TOOL], "max_tokens": 9, "response_format": {"type": "json_object"}},
     ["cohere-v2", "chat", False, 1, True, True, True, 9, ""]),
    ("/v2/chat", {"messages": said("hi"), "documents": [LONG]}, ["cohere-v2", "chat", False, 1, False, False, False, 0, ""]),
    ("/api/chat", {"messages": [{"role": "user", "content": LONG, "images": [PNG * 50]}], "tools": [TOOL],
                   "options": {"num_predict": 9}, "format": "json", "stream": False},
     ["ollama", "chat", False, 1, True, True, True, 9, ""]),
    ("/api/generate", {"prompt": LONG, "images": [PNG * 50]}, ["ollama", "chat", True, 1, False, True, False, 0, ""]),
    ("/v1/embeddings", {"input": [LONG, "x"], "user": "u"}, ["openai-chat", "embed", False, 0, False, False, False, 0, "u"]),
    ("/v2/embed", {"texts": [LONG, "x"]}, ["cohere-v2", "embed", False, 0, False, False, False, 0, ""]),
    ("/v2/embed", {"inputs": [{"content": SHOWN}]}, ["cohere-v2", "embed", False, 0, False, True, False, 0, ""]),
    ("/v2/embed", {"texts": [LONG], "images": [URI]}, ["cohere-v2", "embed", False, 0, False, True, False, 0, ""]),
    ("/api/embed", {"input": [LONG, "x"]}, ["ollama", "embed", False, 0, False, False, False, 0, ""]),
    ("/api/embeddings", {"prompt": LONG}, ["ollama", "embed", False, 0, False, False, False, 0, ""]),
    ("/v1beta/models/smart:embedContent", {"content": {"parts": [{"text": LONG}]}},
     ["gemini", "embed", False, 0, False, False, False, 0, ""]),
    ("/v1beta/models/smart:batchEmbedContents", {"requests": [{"content": {"parts": [{"text": LONG}]}}]},
     ["gemini", "embed", False, 0, False, False, False, 0, ""]),
    ("/v1/rerank", {"query": "q", "documents": [LONG, "b"]}, ["openai-chat", "rerank", False, 0, False, False, False, 0, ""]),
    ("/v2/rerank", {"query": "q", "documents": [LONG, "b"]}, ["cohere-v2", "rerank", False, 0, False, False, False, 0, ""]),
    ("/v1/moderations", {"input": SHOWN}, ["openai-chat", "moderate", False, 0, False, True, False, 0, ""]),
]


def test_scripts_see_the_same_of_each_dialect_and_operation(gateway, upstream):
    g = gateway(config({"one": provider(upstream)}, models={"smart": ["one/m"]}, policy="look"),
                files={"scripts/policies/look.lua": LOOK})
    for path, body, expected in SEEN:
        answer = g.call(body if path[1:6] in ("model", "v1bet") else {"model": "smart", **body}, path)
        assert answer.status == 400, (path, answer.body)
        told = g.log(answer)["error"]["message"].removeprefix("seen")
        seen, tokens = told.rsplit(" ", 1)
        assert json.loads(seen) == expected, path
        assert 500 <= int(tokens) <= 560, (path, tokens)  # a picture is no text
