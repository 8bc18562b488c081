// The official openai package for Node and the Vercel AI SDK, unpatched, against BASE_URL.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embed, embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const baseURL = process.env.BASE_URL;
const apiKey = process.env.API_KEY;
const openai = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "What is the weather in Paris and in Tokyo?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];

test("openai: chat", async () => {
  const answer = await openai.chat.completions.create({ model: "mock/gpt", messages });
  assert.ok(answer.choices[0].message.content);
  assert.ok(answer.usage.total_tokens > 0);
});

test("openai: a stream says what the whole answer says", async () => {
  const whole = await openai.chat.completions.create({ model: "mock/gpt", messages });
  let text = "";
  for await (const chunk of await openai.chat.completions.create({ model: "mock/gpt", messages, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  assert.equal(text, whole.choices[0].message.content);
});

test("openai: the stream helper collects parallel tool calls", async () => {
  const stream = openai.chat.completions.stream({ model: "mock/gpt", messages, tools });
  const { choices } = await stream.finalChatCompletion();
  assert.equal(choices[0].finish_reason, "tool_calls");
  assert.ok(choices[0].message.tool_calls.length >= 2);
  for (const call of choices[0].message.tool_calls) assert.ok(JSON.parse(call.function.arguments).city);
});

test("openai: embeddings in the package's own encoding", async () => {
  const { data } = await openai.embeddings.create({ model: "mock/embed", input: ["a cat", "a dog"] });
  assert.equal(data.length, 2);
  assert.ok(data[0].embedding.length > 8 && data[0].embedding.every(Number.isFinite));
});

test("openai: errors are typed", async () => {
  const ask = (model, client = openai) => client.chat.completions.create({ model, messages });
  await assert.rejects(ask("no-such-model"), OpenAI.NotFoundError);
  await assert.rejects(ask("mock/error-429"), OpenAI.RateLimitError);
  await assert.rejects(ask("mock/error-400"), OpenAI.BadRequestError);
  await assert.rejects(ask("mock/error-500"), OpenAI.InternalServerError);
  await assert.rejects(ask("mock/gpt", new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 })), OpenAI.AuthenticationError);
});

test("openai: a stream that is cut is an exception after its text", async () => {
  let text = "";
  await assert.rejects(async () => {
    for await (const chunk of await openai.chat.completions.create({ model: "mock/cut", messages, stream: true })) {
      text += chunk.choices[0]?.delta?.content ?? "";
    }
  }, OpenAI.APIError);
  assert.ok(text);
});

const compatible = createOpenAICompatible({ name: "tidegate", baseURL, apiKey, includeUsage: true });
const vercel = createOpenAI({ baseURL, apiKey });
const weather = (seen) =>
  tool({
    description: "weather in a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      seen.push(city);
      return `sunny in ${city}`;
    },
  });

for (const [name, chat, embedding] of [
  ["openai-compatible", compatible.chatModel("mock/gpt"), compatible.textEmbeddingModel("mock/embed")],
  ["openai .chat()", vercel.chat("mock/gpt"), vercel.textEmbeddingModel("mock/embed")],
]) {
  test(`ai, ${name}: generateText`, async () => {
    const { text, usage, finishReason } = await generateText({ model: chat, prompt: "hello" });
    assert.ok(text && usage.inputTokens > 0 && usage.outputTokens > 0);
    assert.equal(finishReason, "stop");
  });

  test(`ai, ${name}: streamText`, async () => {
    const result = streamText({ model: chat, prompt: "hello" });
    let parts = 0;
    for await (const part of result.textStream) parts += part ? 1 : 0;
    assert.ok(parts > 1);
    assert.equal(await result.text, (await generateText({ model: chat, prompt: "hello" })).text);
    assert.ok((await result.usage).outputTokens > 0);
  });

  test(`ai, ${name}: tools are called and answered`, async () => {
    for (const run of [generateText, streamText]) {
      const seen = [];
      const result = run({
        model: chat, prompt: messages[0].content, tools: { get_weather: weather(seen) }, stopWhen: stepCountIs(4),
      });
      const text = run === streamText ? await result.text : (await result).text;
      assert.ok(text && seen.length >= 2);
    }
  });

  test(`ai, ${name}: embed and embedMany`, async () => {
    const one = await embed({ model: embedding, value: "a cat" });
    const many = await embedMany({ model: embedding, values: ["a cat", "a dog"] });
    assert.deepEqual(one.embedding, many.embeddings[0]);
  });

  test(`ai, ${name}: errors carry their status`, async () => {
    const provider = name === "openai-compatible" ? compatible.chatModel : vercel.chat;
    for (const [model, status] of [["no-such-model", 404], ["mock/error-429", 429], ["mock/error-500", 502]]) {
      await assert.rejects(generateText({ model: provider(model), prompt: "x", maxRetries: 0 }),
        (error) => APICallError.isInstance(error) && error.statusCode === status);
    }
  });

  test(`ai, ${name}: a stream that is cut ends in an error part`, async () => {
    const provider = name === "openai-compatible" ? compatible.chatModel : vercel.chat;
    const kinds = [];
    for await (const part of streamText({ model: provider("mock/cut"), prompt: "x", onError() {} }).fullStream) kinds.push(part.type);
    assert.ok(kinds.includes("text-delta") && kinds.includes("error"), kinds.join());
  });
}

test("ai, openai .chat(): generateObject follows a schema", async () => {
  const { object } = await generateObject({
    model: vercel.chat("mock/gpt"), prompt: "a city", schema: z.object({ name: z.string(), people: z.number().int() }),
  });
  assert.equal(typeof object.name, "string");
  assert.ok(Number.isInteger(object.people));
});
