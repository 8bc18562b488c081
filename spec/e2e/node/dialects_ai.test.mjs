// The Vercel AI SDK with each of its official providers, unpatched: see dialects.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";

const origin = process.env.ORIGIN;
const apiKey = process.env.API_KEY;
const openai = createOpenAI({ baseURL: `${origin}/v1`, apiKey });
const compatible = createOpenAICompatible({
  name: "tidegate", baseURL: `${origin}/v1`, apiKey, includeUsage: true, supportsStructuredOutputs: true });
const anthropic = createAnthropic({ baseURL: `${origin}/v1`, apiKey });
const google = createGoogleGenerativeAI({ baseURL: `${origin}/v1beta`, apiKey });

const PROVIDERS = {
  "openai .chat()": (name) => openai.chat(name),
  "openai .responses()": (name) => openai.responses(name),
  "openai-compatible": (name) => compatible.chatModel(name),
  anthropic: (name) => anthropic(name),
  google: (name) => google(name),
};
const WEATHER = "What is the weather in Paris and in Tokyo?";
const CITIES = ["Paris", "Tokyo"];
const City = z.object({ name: z.string(), people: z.number().int(), kind: z.enum(["town", "city"]), streets: z.array(z.string()) });
const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=", "base64");

for (const [speaks, name] of Object.entries(JSON.parse(process.env.MODELS))) {
  for (const [provider, make] of Object.entries(PROVIDERS)) {
    const model = make(name);
    const fault = (what) => make(name.replace(/[^/]+$/, what));

    test(`ai ${provider}, ${speaks}: generateText and streamText say the same`, async () => {
      const ask = { model, system: "Be brief.", prompt: "hello", maxOutputTokens: 200 };
      const whole = await generateText(ask);
      assert.match(whole.text, /hello/);
      assert.equal(whole.finishReason, "stop");
      assert.ok(whole.usage.inputTokens > 0 && whole.usage.outputTokens > 0);
      const streamed = streamText(ask);
      let parts = 0;
      for await (const part of streamed.textStream) parts += part ? 1 : 0;
      assert.ok(parts > 1);
      assert.equal(await streamed.text, whole.text);
      assert.deepEqual((await streamed.usage).outputTokens, whole.usage.outputTokens);
      assert.equal(await streamed.finishReason, "stop");
    });

    test(`ai ${provider}, ${speaks}: tools in several steps`, async () => {
      for (const run of [generateText, streamText]) {
        const seen = [];
        const get_weather = tool({ description: "The weather.", inputSchema: z.object({ city: z.string() }),
          execute: async ({ city }) => { seen.push(city); return `fine in ${city}`; } });
        const result = run({ model, prompt: WEATHER, tools: { get_weather }, stopWhen: stepCountIs(3) });
        const [text, steps] = run === streamText ? [await result.text, await result.steps] : [(await result).text, (await result).steps];
        assert.deepEqual(seen, CITIES);
        assert.match(text, /fine in Paris.*fine in Tokyo/);
        assert.deepEqual(steps.map((s) => s.finishReason), ["tool-calls", "stop"]);
      }
    });

    test(`ai ${provider}, ${speaks}: objects`, async () => {
      const { object } = await generateObject({ model, prompt: "a city", schema: City });
      assert.deepEqual(City.parse(object), object);
      const streamed = streamObject({ model, prompt: "a city", schema: City });
      for await (const part of streamed.partialObjectStream) assert.ok(part);
      assert.deepEqual(await streamed.object, object);
      const { output } = await generateText({ model, prompt: "a city", output: Output.object({ schema: City }) });
      assert.deepEqual(output, object);
    });

    test(`ai ${provider}, ${speaks}: an image`, async () => {
      const content = [{ type: "text", text: "what is it?" }, { type: "image", image: png, mediaType: "image/png" }];
      assert.match((await generateText({ model, messages: [{ role: "user", content }] })).text, /what is it\?/);
    });

    test(`ai ${provider}, ${speaks}: errors have their status, and a cut stream ends in one`, async () => {
      for (const [status, told] of [[400, 400], [404, 404], [429, 429], [500, 502]]) {
        await assert.rejects(generateText({ model: fault(`error-${status}`), prompt: "x", maxRetries: 0 }),
          (e) => APICallError.isInstance(e) && e.statusCode === told && /The mock was asked to answer/.test(e.message));
      }
      const kinds = [];
      for await (const part of streamText({ model: fault("cut"), prompt: "x", onError() {} }).fullStream) kinds.push(part.type);
      assert.ok(kinds.includes("text-delta") && kinds.includes("error"), kinds.join());
    });
  }
}
