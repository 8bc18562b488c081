"""Features of what is asked for: the form of the answer, media, settings, how hard to think."""
from dialects import ALL, ANTHROPIC, GEMINI, OPENAI, RESPONSES
from features import (ADDRESS, INPUT_TEXT, PDF, PDF_ADDRESS, PNG, SCHEMA, TEXT, WAV, WEATHER, config, contents, feature,
                      has_schema, is_, raw, user)

# ---- form of the answer ------------------------------------------------------------------------


def is_asked_for(asked):
    """with a tool that stands for the answer where a model has no better way"""
    return has_schema(asked, SCHEMA) and (asked.format == "json_schema" or asked.choice == ("tool", "tidegate_answer"))


feature("json_schema, strict, byte for byte", lambda a, _: is_asked_for(a) and a.strict is not False,
        "response_format|strict",
        chat={"response_format": {"type": "json_schema",
        "json_schema": {"name": "x", "strict": True, "schema": raw(SCHEMA)}}},
        responses={"text": {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": raw(SCHEMA)}}},
        anthropic={"output_config": {"format": {"type": "json_schema", "schema": raw(SCHEMA)}}})
feature("a schema of Gemini", lambda a, _: is_asked_for(a), "strict",
        gemini=config(responseMimeType="application/json", responseJsonSchema=raw(SCHEMA)))
feature("an older schema of Gemini",
        lambda a, _: (a.format == "json_schema" or a.choice) and '"zone":{"type":"string"}' in a.text.replace(" ", ""),
        gemini=config(responseMimeType="application/json",
                      responseSchema={"type": "OBJECT", "properties": {"zone": {"type": "STRING"}},
                      "required": ["zone"]}))
feature("json mode", is_("format", "json"), "json", to=(OPENAI, RESPONSES, GEMINI),
        chat={"response_format": {"type": "json_object"}}, responses={"text": {"format": {"type": "json_object"}}},
        gemini=config(responseMimeType="application/json"))

# ---- media -------------------------------------------------------------------------------------
feature("a picture as data", lambda a, _: a.pieces("image") == [("image", "data", "image/png", PNG)],
        chat={"messages": user(TEXT, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}})},
        responses={"input": user(INPUT_TEXT, {"type": "input_image", "image_url": "data:image/png;base64," + PNG})},
        anthropic={"messages": user(TEXT,
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})},
        gemini={"contents": contents({"text": "look"}, {"inline_data": {"mime_type": "image/png", "data": PNG}})})
feature("a picture by URL",
        lambda a, _: [p[1] for p in a.pieces("image")] in (["url"], ["data"]) and a.said() == "look",
        chat={"messages": user(TEXT, {"type": "image_url", "image_url": {"url": ADDRESS}})},
        responses={"input": user(INPUT_TEXT, {"type": "input_image", "image_url": ADDRESS})},
        anthropic={"messages": user(TEXT, {"type": "image", "source": {"type": "url", "url": ADDRESS}})},
        gemini={"contents": contents({"text": "look"}, {"fileData": {"mimeType": "image/png", "fileUri": ADDRESS}})})
feature("how closely a picture is looked at", is_("detail", "low"), "detail", to=(OPENAI, RESPONSES),
        chat={"messages": user(TEXT,
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG, "detail": "low"}})},
        responses={"input": user({"type": "input_image", "image_url": "data:image/png;base64," + PNG,
        "detail": "low"})})
feature("a picture by its id", lambda a, _: a.pieces("image"), "image", to=(RESPONSES, ANTHROPIC),
        responses={"input": user({"type": "input_image", "file_id": "file-1"})},
        anthropic={"messages": user({"type": "image", "source": {"type": "file", "file_id": "file_1"}})})
feature("a PDF as data", lambda a, _: a.pieces("file") == [("file", "data", "application/pdf", PDF)],
        chat={"messages": user(TEXT,
        {"type": "file", "file": {"filename": "r.pdf", "file_data": "data:application/pdf;base64," + PDF}})},
        responses={"input": user(INPUT_TEXT,
        {"type": "input_file", "filename": "r.pdf", "file_data": "data:application/pdf;base64," + PDF})},
        anthropic={"messages": user(TEXT,
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}})},
        gemini={"contents": contents({"text": "look"}, {"inlineData": {"mimeType": "application/pdf", "data": PDF}})})
feature("a PDF by URL", lambda a, _: [p[1] for p in a.pieces("file")] in (["url"], ["data"]) and a.said() == "look",
        responses={"input": user(INPUT_TEXT, {"type": "input_file", "file_url": PDF_ADDRESS})},
        anthropic={"messages": user(TEXT, {"type": "document", "source": {"type": "url", "url": PDF_ADDRESS}})},
        gemini={"contents": contents({"text": "look"},
        {"fileData": {"mimeType": "application/pdf", "fileUri": PDF_ADDRESS}})})
feature("a name of a file", is_("filename", "r.pdf"), "name", to=(OPENAI, RESPONSES, ANTHROPIC), silent=(GEMINI,),
        chat={"messages": user({"type": "file",
        "file": {"filename": "r.pdf", "file_data": "data:application/pdf;base64," + PDF}})},
        responses={"input": user({"type": "input_file", "filename": "r.pdf",
        "file_data": "data:application/pdf;base64," + PDF})},
        anthropic={"messages": user({"type": "document", "title": "r.pdf",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}})})
feature("a document of text",
        lambda a, _: "some words" in a.said() or any("c29tZSB3b3Jkcw" in str(p) for p in a.pieces("file")),
        anthropic={"messages": user(TEXT,
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "some words"}})},
        gemini={"contents": contents({"text": "look"},
        {"inlineData": {"mimeType": "text/plain", "data": "c29tZSB3b3Jkcw=="}})},
        chat={"messages": user(TEXT,
        {"type": "file", "file": {"filename": "r.txt", "file_data": "data:text/plain;base64,c29tZSB3b3Jkcw=="}})},
        responses={"input": user(INPUT_TEXT,
        {"type": "input_file", "filename": "r.txt", "file_data": "data:text/plain;base64,c29tZSB3b3Jkcw=="})})
feature("citations of a document", lambda a, _: '"citations":{"enabled":true}' in a.text or a.body.get("documents"),
        "citations", to=(),
        anthropic={"messages": user({"type": "document", "citations": {"enabled": True},
                                     "source": {"type": "text", "media_type": "text/plain", "data": "some words"}})})
feature("sound", lambda a, _: a.pieces("audio") == [("audio", "wav", WAV)], "audio", to=(OPENAI, GEMINI),
        chat={"messages": user(TEXT, {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})},
        responses={"input": user(INPUT_TEXT, {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})},
        gemini={"contents": contents({"text": "look"}, {"inlineData": {"mimeType": "audio/wav", "data": WAV}})})

# ---- settings ----------------------------------------------------------------------------------
LONG_STOP = ["END", "\n\nHuman"]
feature("stop", is_("stop", LONG_STOP), "stop", to=(OPENAI, ANTHROPIC, GEMINI), chat={"stop": LONG_STOP},
        anthropic={"stop_sequences": LONG_STOP}, gemini=config(stopSequences=LONG_STOP))
feature("stop as a text", is_("stop", ["END"]), "stop", to=(OPENAI, ANTHROPIC, GEMINI), chat={"stop": "END"})
feature("n", is_("n", 2), r"\bn\b|gives one answer", to=(OPENAI, GEMINI), chat={"n": 2},
        gemini=config(candidateCount=2))
feature("seed", is_("seed", 7), "seed", to=(OPENAI, GEMINI), chat={"seed": 7}, gemini=config(seed=7))
feature("temperature", is_("temperature", .3), "temperature", chat={"temperature": .3}, responses={"temperature": .3},
        anthropic={"temperature": .3}, gemini=config(temperature=.3))
feature("temperature above 1", is_("temperature", 1.5), "temperature", to=(OPENAI, RESPONSES, GEMINI),
        chat={"temperature": 1.5}, responses={"temperature": 1.5}, gemini=config(temperature=1.5))
feature("top_p", is_("top_p", .5), "top_p", chat={"top_p": .5}, responses={"top_p": .5}, anthropic={"top_p": .5},
        gemini=config(topP=.5))
feature("top_k", is_("top_k", 20), "top_k", to=(ANTHROPIC, GEMINI), chat={"top_k": 20}, anthropic={"top_k": 20},
        gemini=config(topK=20))
feature("max_tokens", is_("max_tokens", 321), chat={"max_tokens": 321}, responses={"max_output_tokens": 321},
        anthropic={"max_tokens": 321}, gemini=config(maxOutputTokens=321))
feature("max_completion_tokens", is_("max_tokens", 321), chat={"max_completion_tokens": 321})
feature("few tokens", is_("max_tokens", 5), "max_tokens", to=(OPENAI, ANTHROPIC, GEMINI), chat={"max_tokens": 5},
        anthropic={"max_tokens": 5}, gemini=config(maxOutputTokens=5))
feature("penalties", lambda a, _: (a.presence_penalty, a.frequency_penalty) == (.5, .25),
        "presence_penalty.*frequency_penalty|frequency_penalty.*presence_penalty",
        to=(OPENAI, GEMINI), chat={"presence_penalty": .5, "frequency_penalty": .25},
        gemini=config(presencePenalty=.5, frequencyPenalty=.25))
feature("logit_bias", is_("logit_bias", {"50256": -100}), "logit_bias", to=(OPENAI,),
        chat={"logit_bias": {"50256": -100}})
feature("logprobs", lambda a, _: a.logprobs is True and a.top_logprobs == 3, "logprobs", to=(OPENAI, RESPONSES, GEMINI),
        chat={"logprobs": True, "top_logprobs": 3},
        responses={"include": ["message.output_text.logprobs"], "top_logprobs": 3},
        gemini=config(responseLogprobs=True, logprobs=3))
feature("logprobs alone", lambda a, _: a.logprobs is True, "logprobs", to=(OPENAI, RESPONSES, GEMINI),
        chat={"logprobs": True},
        responses={"include": ["message.output_text.logprobs"]}, gemini=config(responseLogprobs=True))
feature("user", lambda a, _: "u-17" in (a.user, a.safety_identifier), "user", to=(OPENAI, RESPONSES, ANTHROPIC),
        chat={"user": "u-17"},
        responses={"user": "u-17"}, anthropic={"metadata": {"user_id": "u-17"}})
feature("safety_identifier", lambda a, _: "u-17" in (a.user, a.safety_identifier), "safety_identifier|user",
        to=(OPENAI, RESPONSES, ANTHROPIC),
        chat={"safety_identifier": "u-17"}, responses={"safety_identifier": "u-17"})
feature("metadata", is_("metadata", {"team": "blue"}), "metadata", to=(OPENAI, RESPONSES),
        chat={"metadata": {"team": "blue"}},
        responses={"metadata": {"team": "blue"}}, gemini={"labels": {"team": "blue"}})
feature("service_tier flex", is_("service_tier", "flex"), "service_tier", to=(OPENAI, RESPONSES, GEMINI),
        chat={"service_tier": "flex"},
        responses={"service_tier": "flex"}, gemini={"serviceTier": "flex"})
feature("service_tier default", is_("service_tier", "default"), "service_tier", chat={"service_tier": "default"},
        responses={"service_tier": "default"}, anthropic={"service_tier": "standard_only"},
        gemini={"serviceTier": "standard"})
feature("verbosity", is_("verbosity", "low"), "verbosity", to=(OPENAI, RESPONSES), chat={"verbosity": "low"},
        responses={"text": {"verbosity": "low"}})
feature("modalities", lambda a, _: "image" in (a.modalities or ()), "modalit", to=(OPENAI, GEMINI),
        chat={"modalities": ["text", "image"]},
        gemini=config(responseModalities=["TEXT", "IMAGE"]))
feature("sound as the answer", lambda a, _: a.audio, "audio|modalit", to=(OPENAI,),
        chat={"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}})
feature("prediction", lambda a, _: a.prediction, "prediction", to=(OPENAI,),
        chat={"prediction": {"type": "content", "content": "x"}})
feature("to be stored", is_("store", True), "store", to=(), chat={"store": True}, responses={"store": True},
        gemini={"store": True})
feature("prompt_cache_key", is_("prompt_cache_key", "k1"), "prompt_cache_key", to=(OPENAI, RESPONSES),
        chat={"prompt_cache_key": "k1"},
        responses={"prompt_cache_key": "k1"})
feature("safety settings", lambda a, _: a.safety, "safety", to=(), gemini={"safetySettings": [
    {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]})
feature("members that nobody knows", lambda a, _: False, "zzz_?[uU]nknown", to=(), chat={"zzz_unknown": {"a": 1}},
        responses={"zzz_unknown": 1},
        anthropic={"zzz_unknown": [1]}, gemini={"zzzUnknown": 1, "zzz_unknown": 1})
for member, value in (("container", "c_1"),
        ("mcp_servers", [{"type": "url", "url": "https://example.com", "name": "x"}]),
                      ("context_management", {"edits": []}), ("speed", "fast"), ("inference_geo", "us")):
    feature("Anthropic's " + member, lambda a, _: False, member, to=(), anthropic={member: value})
for member, value in (("truncation", "auto"), ("max_tool_calls", 3)):
    feature("Responses' " + member, lambda a, _: False, member, to=(), responses={member: value})
for member, value in (("moderation", "auto"), ("prompt_cache_retention", "24h"), ("chat_template_kwargs", {"a": 1})):
    feature("chat's " + member, lambda a, _: False, member, to=(), chat={member: value})
feature("examples of a tool's input", lambda a, _: False, "input_examples", to=(), anthropic={"tools": [
    {**WEATHER, "input_schema": {"type": "object"}, "input_examples": [{"city": "Oslo"}]}]})
feature("members of the configuration that nobody knows", lambda a, _: False, "zzz|output_config", to=(),
        gemini=config(zzzUnknown=1),
        anthropic={"output_config": {"zzz": 1}}, responses={"text": {"zzz": 1}})

# ---- thinking ----------------------------------------------------------------------------------
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 51200}


def effort(word):
    def look(asked, dialect):
        return asked.effort == word or asked.budget == BUDGETS[word] or asked.thinks and asked.budget and abs(
            asked.budget - BUDGETS[word]) < 8192
    return look


for level in ("low", "medium", "high"):
    feature("effort " + level, effort(level), "reasoning|effort", to=(OPENAI, RESPONSES, ANTHROPIC),
            chat={"reasoning_effort": level},
            responses={"reasoning": {"effort": level}},
            anthropic={"max_tokens": 60000, "output_config": {"effort": level}, "thinking": {"type": "adaptive"}},
            gemini=config(thinkingConfig={"thinkingLevel": level.upper()}))
for level in ("minimal", "xhigh", "max"):
    feature("effort " + level, effort(level), "effort|reasoning", to=(OPENAI, RESPONSES, ANTHROPIC),
            chat={"reasoning_effort": level},
            responses={"reasoning": {"effort": level}}, silent=(ANTHROPIC, GEMINI) if level == "minimal" else ())
feature("effort none", is_("effort", "none"), "reasoning", to=(RESPONSES,), silent=ALL,
        chat={"reasoning_effort": "none"}, responses={"reasoning": {"effort": "none"}},
        gemini=config(thinkingConfig={"thinkingBudget": 0}))
for tokens, word in ((2000, "medium"), (8192, "medium"), (20000, "high")):
    feature("a budget of %d tokens" % tokens, lambda a, _, t=tokens, w=word: a.budget == t or a.effort == w,
            "reasoning",
            to=(OPENAI, RESPONSES, ANTHROPIC),
            anthropic={"max_tokens": 60000, "thinking": {"type": "enabled", "budget_tokens": tokens}},
            gemini=config(thinkingConfig={"thinkingBudget": tokens}))
