// The official packages of OpenAI, Anthropic and Google for Node, unpatched, against a gateway at ORIGIN whose models
// MODELS (dialect: name) are the mock's, each behind a provider that speaks this dialect alone.
import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const origin = process.env.ORIGIN;
const apiKey = process.env.API_KEY;
const openai = new OpenAI({ baseURL: `${origin}/v1`, apiKey, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: origin, apiKey, maxRetries: 0 });
const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: origin } });

const WEATHER = "What is the weather in Paris and in Tokyo?";
const CITIES = ["Paris", "Tokyo"];
const City = z.object({ name: z.string(), people: z.number().int(), kind: z.enum(["town", "city"]), streets: z.array(z.string()) });
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";
const hello = [{ role: "user", content: "hello" }];
const weather = [{ role: "user", content: WEATHER }];
// Of a stream's final response the package leaves output_text out.
const textOf = (response) => response.output.flatMap((item) => item.content ?? []).map((part) => part.text).join("");
const tellOf = (city) => `fine in ${city}`;

async function all(stream) {
  const list = [];
  for await (const one of await stream) list.push(one);
  return list;
}

for (const [speaks, model] of Object.entries(JSON.parse(process.env.MODELS))) {
  const fault = (name) => model.replace(/[^/]+$/, name);

  // ---- openai: chat ------------------------------------------------------------------------------
  test(`openai, ${speaks}: chat, and its stream says the same`, async () => {
    const whole = await openai.chat.completions.create({ model, messages: hello });
    assert.match(whole.choices[0].message.content, /hello/);
    assert.equal(whole.choices[0].finish_reason, "stop");
    assert.ok(whole.usage.total_tokens > 0 && whole._request_id);
    const chunks = await all(openai.chat.completions.create({
      model, messages: hello, stream: true, stream_options: { include_usage: true } }));
    assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? "").join(""), whole.choices[0].message.content);
    assert.equal(chunks.at(-1).usage.completion_tokens, whole.usage.completion_tokens);
  });

  test(`openai, ${speaks}: runTools, unary and as a stream`, async () => {
    for (const stream of [false, true]) {
      const seen = [];
      const get_weather = zodFunction({ name: "get_weather", description: "The weather.", parameters: z.object({ city: z.string() }),
        function: ({ city }) => { seen.push(city); return tellOf(city); } });
      const content = await openai.chat.completions.runTools({ model, messages: weather, tools: [get_weather], stream }).finalContent();
      assert.deepEqual(seen, CITIES);
      assert.match(content, /fine in Paris; fine in Tokyo/);
    }
  });

  test(`openai, ${speaks}: chat parsed by a schema`, async () => {
    const ask = { model, messages: hello, response_format: zodResponseFormat(City, "city") };
    const { choices } = await openai.chat.completions.parse(ask);
    assert.deepEqual(City.parse(choices[0].message.parsed), choices[0].message.parsed);
    const streamed = await openai.chat.completions.stream(ask).finalChatCompletion();
    assert.deepEqual(streamed.choices[0].message.parsed, choices[0].message.parsed);
  });

  // ---- openai: responses -------------------------------------------------------------------------
  test(`openai, ${speaks}: responses, and their stream says the same`, async () => {
    const whole = await openai.responses.create({ model, input: "hello" });
    assert.match(whole.output_text, /hello/);
    assert.equal(whole.status, "completed");
    assert.ok(whole.usage.total_tokens > 0 && whole._request_id);
    const events = await all(openai.responses.create({ model, input: "hello", stream: true }));
    assert.equal(events.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta).join(""), whole.output_text);
    assert.equal(events.at(-1).response.usage.output_tokens, whole.usage.output_tokens);
    const final = await openai.responses.stream({ model, input: "hello" }).finalResponse();
    assert.equal(textOf(final), whole.output_text);
  });

  test(`openai, ${speaks}: responses parsed by a schema`, async () => {
    const { output_parsed } = await openai.responses.parse({ model, input: "hello", text: { format: zodTextFormat(City, "city") } });
    assert.ok(City.parse(output_parsed));
  });

  test(`openai, ${speaks}: tools of responses`, async () => {
    const tools = [{ type: "function", name: "get_weather", strict: true, parameters: {
      type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false } }];
    const first = await openai.responses.create({ model, input: weather, tools });
    const calls = first.output.filter((item) => item.type === "function_call");
    assert.deepEqual(calls.map((c) => JSON.parse(c.arguments).city), CITIES);
    const results = calls.map((c, i) => ({ type: "function_call_output", call_id: c.call_id, output: tellOf(CITIES[i]) }));
    const second = await openai.responses.stream({ model, tools, input: [...weather, ...first.output, ...results] }).finalResponse();
    assert.match(textOf(second), /fine in Paris; fine in Tokyo/);
  });

  test(`openai, ${speaks}: errors are typed`, async () => {
    for (const [status, kind] of [[400, OpenAI.BadRequestError], [404, OpenAI.NotFoundError], [429, OpenAI.RateLimitError],
      [500, OpenAI.InternalServerError]]) {
      const failing = { model: fault(`error-${status}`) };
      for (const asked of [openai.chat.completions.create({ ...failing, messages: hello }),
        openai.responses.create({ ...failing, input: "hello", stream: true })]) {
        await assert.rejects(asked, (e) => e instanceof kind && Boolean(e.requestID));
      }
    }
    await assert.rejects(all(openai.chat.completions.create({ model: fault("cut"), messages: hello, stream: true })), OpenAI.APIError);
  });

  // ---- anthropic ---------------------------------------------------------------------------------
  test(`anthropic, ${speaks}: messages, and their stream says the same`, async () => {
    const whole = await anthropic.messages.create({ model, max_tokens: 200, system: "Be brief.", messages: hello });
    assert.match(whole.content[0].text, /hello/);
    assert.equal(whole.stop_reason, "end_turn");
    assert.ok(whole.usage.input_tokens > 0 && whole._request_id);
    const stream = anthropic.messages.stream({ model, max_tokens: 200, system: "Be brief.", messages: hello });
    const deltas = [];
    stream.on("text", (delta) => deltas.push(delta));
    const final = await stream.finalMessage();
    assert.equal(deltas.join(""), whole.content[0].text);
    assert.deepEqual([final.usage.input_tokens, final.usage.output_tokens], [whole.usage.input_tokens, whole.usage.output_tokens]);
    assert.ok(stream.request_id);
  });

  test(`anthropic, ${speaks}: the tool runner, unary and as a stream`, async () => {
    for (const stream of [false, true]) {
      const seen = [];
      const tool = betaZodTool({ name: "get_weather", description: "The weather.", inputSchema: z.object({ city: z.string() }),
        run: ({ city }) => { seen.push(city); return tellOf(city); } });
      const runner = anthropic.beta.messages.toolRunner({ model, max_tokens: 200, messages: weather, tools: [tool], stream });
      const last = await runner.runUntilDone();
      assert.deepEqual(seen, CITIES);
      assert.match(last.content.map((b) => b.text ?? "").join(""), /fine in Paris; fine in Tokyo/);
    }
  });

  test(`anthropic, ${speaks}: tools in a stream, and their results`, async () => {
    const ask = { model, max_tokens: 200, tools: [{ name: "get_weather", input_schema: {
      type: "object", properties: { city: { type: "string" } }, required: ["city"] } }] };
    const first = await anthropic.messages.stream({ ...ask, messages: weather }).finalMessage();
    const calls = first.content.filter((b) => b.type === "tool_use");
    assert.deepEqual(calls.map((c) => c.input.city), CITIES);
    const results = calls.map((c) => ({ type: "tool_result", tool_use_id: c.id, content: tellOf(c.input.city) }));
    const second = await anthropic.messages.create({ ...ask, messages: [
      ...weather, { role: "assistant", content: first.content }, { role: "user", content: results }] });
    assert.match(second.content[0].text, /fine in Paris; fine in Tokyo/);
  });

  test(`anthropic, ${speaks}: parsed by a schema`, async () => {
    const { parsed_output } = await anthropic.messages.parse({
      model, max_tokens: 200, messages: hello, output_config: { format: zodOutputFormat(City) } });
    assert.ok(City.parse(parsed_output));
  });

  test(`anthropic, ${speaks}: an image, and a count of tokens`, async () => {
    const content = [{ type: "image", source: { type: "base64", media_type: "image/png", data: png } }, { type: "text", text: "what is it?" }];
    const seen = await anthropic.messages.create({ model, max_tokens: 200, messages: [{ role: "user", content }] });
    assert.match(seen.content[0].text, /what is it\?/);
    assert.ok((await anthropic.messages.countTokens({ model, messages: hello })).input_tokens > 0);
  });

  test(`anthropic, ${speaks}: errors are typed and have their request id`, async () => {
    for (const [status, kind] of [[400, Anthropic.BadRequestError], [404, Anthropic.NotFoundError],
      [429, Anthropic.RateLimitError], [500, Anthropic.InternalServerError]]) {
      for (const stream of [false, true]) {
        await assert.rejects(anthropic.messages.create({ model: fault(`error-${status}`), max_tokens: 9, messages: hello, stream }),
          (e) => e instanceof kind && Boolean(e.requestID) && e.error.request_id === e.requestID);
      }
    }
    await assert.rejects(anthropic.messages.stream({ model: fault("cut"), max_tokens: 9, messages: hello }).finalMessage(),
      Anthropic.APIError);
  });

  // ---- google ------------------------------------------------------------------------------------
  test(`google, ${speaks}: generateContent, and its stream says the same`, async () => {
    const ask = { model, contents: "hello", config: { systemInstruction: "Be brief.", maxOutputTokens: 200 } };
    const whole = await google.models.generateContent(ask);
    assert.match(whole.text, /hello/);
    assert.equal(whole.candidates[0].finishReason, "STOP");
    const chunks = await all(google.models.generateContentStream(ask));
    assert.equal(chunks.map((c) => c.text ?? "").join(""), whole.text);
    assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, whole.usageMetadata.candidatesTokenCount);
  });

  test(`google, ${speaks}: functions and their results`, async () => {
    const config = { tools: [{ functionDeclarations: [{ name: "get_weather", description: "The weather.", parameters: {
      type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] } }] }] };
    const user = { role: "user", parts: [{ text: WEATHER }] };
    const first = await google.models.generateContent({ model, contents: [user], config });
    assert.deepEqual(first.functionCalls.map((c) => c.args.city), CITIES);
    const parts = first.functionCalls.map((c) => ({ functionResponse: { id: c.id, name: c.name, response: { result: tellOf(c.args.city) } } }));
    const second = await google.models.generateContent({
      model, config, contents: [user, first.candidates[0].content, { role: "user", parts }] });
    assert.match(second.text, /fine in Paris.*fine in Tokyo/);
    const forced = await google.models.generateContent({ model, contents: "hello", config: {
      ...config, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } } });
    assert.equal(forced.functionCalls[0].name, "get_weather");
  });

  test(`google, ${speaks}: a chat`, async () => {
    const chat = google.chats.create({ model });
    assert.match((await chat.sendMessage({ message: "one" })).text, /one/);
    assert.match((await all(chat.sendMessageStream({ message: "two" }))).map((c) => c.text ?? "").join(""), /two/);
    assert.match((await chat.sendMessage({ message: "three" })).text, /three/);
  });

  test(`google, ${speaks}: a schema, an image, a count of tokens`, async () => {
    const answer = await google.models.generateContent({ model, contents: "a city", config: {
      responseMimeType: "application/json", responseJsonSchema: z.toJSONSchema(City) } });
    assert.ok(City.parse(JSON.parse(answer.text)));
    const seen = await google.models.generateContent({
      model, contents: [{ inlineData: { mimeType: "image/png", data: png } }, "what is it?"] });
    assert.match(seen.text, /what is it\?/);
    assert.ok((await google.models.countTokens({ model, contents: "hello" })).totalTokens > 0);
  });

  test(`google, ${speaks}: errors have their status`, async () => {
    for (const [status, told] of [[400, 400], [404, 404], [429, 429], [500, 502]]) {
      const ask = { model: fault(`error-${status}`), contents: "hello" };
      await assert.rejects(google.models.generateContent(ask), (e) => e instanceof ApiError && e.status === told);
      await assert.rejects(all(google.models.generateContentStream(ask)), (e) => e instanceof ApiError && e.status === told);
    }
    await assert.rejects(all(google.models.generateContentStream({ model: fault("cut"), contents: "hello" })));
  });
}
