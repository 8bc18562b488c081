// Recorded answers through the openai package for Node and the Vercel AI SDK; manifest.json says what
// each recording holds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI from "openai";

const baseURL = process.env.BASE_URL;
const cases = JSON.parse(readFileSync("manifest.json", "utf-8"));
const openai = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0 });
const compatible = createOpenAICompatible({ name: "tidegate", baseURL, apiKey: "unused" });
const messages = [{ role: "user", content: "hi" }];

async function readWhole(model) {
  const { choices } = await openai.chat.completions.create({ model, messages });
  const { message, finish_reason: finish = null } = choices?.[0] ?? {};
  const calls = (message?.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments]);
  return { text: typeof message?.content === "string" ? message.content : "", calls, finish };
}

async function readStream(model) {
  const calls = new Map();
  let text = "";
  let finish = null;
  for await (const chunk of await openai.chat.completions.create({ model, messages, stream: true })) {
    for (const choice of (chunk.choices ?? []).filter((one) => (one.index ?? 0) === 0)) {
      if (typeof choice.delta?.content === "string") text += choice.delta.content;
      finish = choice.finish_reason ?? finish;
      (choice.delta?.tool_calls ?? []).forEach((call, position) => {
        const one = calls.get(call.index ?? position) ?? ["", ""];
        one[0] += call.function.name ?? "";
        one[1] += call.function.arguments ?? "";
        calls.set(call.index ?? position, one);
      });
    }
  }
  return { text, calls: [...calls.entries()].sort(([a], [b]) => a - b).map(([, call]) => call), finish };
}

test("openai: every recording reads as it was recorded", async () => {
  for (const { id, model, stream, text, calls, finish } of cases) {
    assert.deepEqual(await (stream ? readStream(model) : readWhole(model)), { text, calls, finish }, id);
  }
});

// The AI SDK cannot know tools that it was not given, and takes <think> and lists its own way.
const plain = cases.filter((one) => one.text && !one.calls.length && one.id.startsWith("openai-"));

test("ai: plain texts of OpenAI's recordings", async () => {
  assert.ok(plain.length > 0);
  for (const { id, model, stream, text } of plain) {
    const options = { model: compatible(model), messages, maxRetries: 0 };
    const read = stream ? await streamText(options).text : (await generateText(options)).text;
    assert.equal(read, text, id);
  }
});
