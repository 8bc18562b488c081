// A conversation with tools by each package for Node, against ORIGIN: models MODELS (dialect: name) call get_weather
// for two cities, hear RESULTS (city: text) and say ANSWER. What they are sent is for the caller to check: SDK tells
// which of the packages is to ask, STREAM whether by streams.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { GoogleGenAI } from "@google/genai";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";

const { ORIGIN: origin, SDK, QUESTION, ANSWER, NAME: name, ABOUT: description } = process.env;
const [models, results, schema] = ["MODELS", "RESULTS", "SCHEMA"].map((each) => JSON.parse(process.env[each]));
const stream = process.env.STREAM === "true";
const apiKey = "unused";

function vercel(model, providerOptions) {
  return async (seen) => {
    const ask = { model, prompt: QUESTION, maxOutputTokens: 8000, providerOptions, stopWhen: stepCountIs(3), tools: {
      [name]: tool({ description, inputSchema: jsonSchema(schema), execute: ({ city }) => { seen.push(city); return JSON.parse(results[city]); } }) } };
    return stream ? await streamText(ask).text : (await generateText(ask)).text;
  };
}

const SDKS = {
  openai: (model) => async (seen) => {
    const sdk = new OpenAI({ baseURL: `${origin}/v1`, apiKey, maxRetries: 0 });
    const run = { type: "function", function: { name, description, parameters: schema, parse: JSON.parse,
      function: ({ city }) => { seen.push(city); return results[city]; } } };
    return sdk.chat.completions.runTools({ model, messages: [{ role: "user", content: QUESTION }], tools: [run], stream }).finalContent();
  },
  responses: (model) => async (seen) => {
    const sdk = new OpenAI({ baseURL: `${origin}/v1`, apiKey, maxRetries: 0 });
    const ask = { model, store: false, include: ["reasoning.encrypted_content"],
      tools: [{ type: "function", name, description, parameters: schema, strict: false }] };
    const turn = (input) => stream ? sdk.responses.stream({ ...ask, input }).finalResponse() : sdk.responses.create({ ...ask, input });
    const user = { role: "user", content: QUESTION };
    const { output } = await turn([user]);
    const outputs = output.filter((item) => item.type === "function_call").map((item) => {
      const { city } = JSON.parse(item.arguments);
      seen.push(city);
      return { type: "function_call_output", call_id: item.call_id, output: results[city] };
    });
    const last = await turn([user, ...output, ...outputs]);
    return last.output.flatMap((item) => item.content ?? []).map((part) => part.text).join("");
  },
  anthropic: (model) => async (seen) => {
    const sdk = new Anthropic({ baseURL: origin, apiKey, maxRetries: 0 });
    const run = betaTool({ name, description, inputSchema: schema, run: ({ city }) => { seen.push(city); return results[city]; } });
    const runner = sdk.beta.messages.toolRunner({ model, max_tokens: 8000, thinking: { type: "enabled", budget_tokens: 2000 }, thread: false,
      messages: [{ role: "user", content: QUESTION }], tools: [run], stream });
    return (await runner.runUntilDone()).content.map((block) => block.text ?? "").join("");
  },
  google: (model) => async (seen) => {
    const sdk = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: origin } });
    const chat = sdk.chats.create({ model, config: { thinkingConfig: { includeThoughts: true },
      tools: [{ functionDeclarations: [{ name, description, parametersJsonSchema: schema }] }] } });
    const turn = async (message) => {
      if (!stream) return [await chat.sendMessage({ message })];
      const chunks = [];
      for await (const chunk of await chat.sendMessageStream({ message })) chunks.push(chunk);
      return chunks;
    };
    const calls = (await turn(QUESTION)).flatMap((chunk) => chunk.functionCalls ?? []);
    const message = calls.map(({ id, name, args }) => {
      seen.push(args.city);
      return { functionResponse: { id, name, response: JSON.parse(results[args.city]) } };
    });
    return (await turn(message)).map((chunk) => chunk.text ?? "").join("");
  },
  "ai openai.chat": (model) => vercel(createOpenAI({ baseURL: `${origin}/v1`, apiKey }).chat(model)),
  "ai openai.responses": (model) => vercel(createOpenAI({ baseURL: `${origin}/v1`, apiKey }).responses(model),
    { openai: { store: false, include: ["reasoning.encrypted_content"] } }),
  "ai openai-compatible": (model) => vercel(createOpenAICompatible({ name: "x", baseURL: `${origin}/v1`, apiKey }).chatModel(model)),
  "ai anthropic": (model) => vercel(createAnthropic({ baseURL: `${origin}/v1`, apiKey })(model),
    { anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } } }),
  "ai google": (model) => vercel(createGoogleGenerativeAI({ baseURL: `${origin}/v1beta`, apiKey })(model),
    { google: { thinkingConfig: { includeThoughts: true } } }),
};

for (const [speaks, model] of Object.entries(models)) {
  test(`${SDK}, ${speaks}`, async () => {
    const seen = [];
    assert.equal(await SDKS[SDK](model)(seen), ANSWER);
    assert.deepEqual(seen, Object.keys(results));
  });
}
