// The official ollama package for Node, unpatched, against a gateway at ORIGIN whose models MODELS (dialect: name) are
// the mock's, each behind a provider that speaks this dialect alone.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Ollama } from "ollama";

const ollama = new Ollama({ host: process.env.ORIGIN, headers: { Authorization: `Bearer ${process.env.API_KEY}` } });

const CITIES = ["Paris", "Tokyo"];
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";
const hello = [{ role: "user", content: "hello" }];
const tools = [{ type: "function", function: { name: "get_weather", description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }];

async function all(stream) {
  const list = [];
  for await (const one of await stream) list.push(one);
  return list;
}

for (const [speaks, model] of Object.entries(JSON.parse(process.env.MODELS))) {
  test(`ollama, ${speaks}: chat, and its stream says the same`, async () => {
    const whole = await ollama.chat({ model, messages: hello, options: { temperature: 0.5 } });
    assert.match(whole.message.content, /hello/);
    assert.equal(whole.done_reason, "stop");
    assert.ok(whole.eval_count > 0 && whole.prompt_eval_count > 0 && whole.eval_duration > 0);
    assert.ok(new Date(whole.created_at) > new Date(0));
    const parts = await all(ollama.chat({ model, messages: hello, options: { temperature: 0.5 }, stream: true }));
    assert.equal(parts.map((part) => part.message.content).join(""), whole.message.content);
    assert.deepEqual(parts.map((part) => part.done), [...parts.slice(1).map(() => false), true]);
    assert.equal(parts.at(-1).eval_count, whole.eval_count);
  });

  test(`ollama, ${speaks}: a prompt, a limit, a picture`, async () => {
    const whole = await ollama.generate({ model, prompt: "hello", options: { num_predict: 3 } });
    assert.equal(whole.done_reason, "length");
    assert.match((await ollama.generate({ model, prompt: "look", images: [png] })).response, /look/);
    const parts = await all(ollama.generate({ model, prompt: "hello", stream: true }));
    assert.match(parts.map((part) => part.response).join(""), /hello/);
  });

  test(`ollama, ${speaks}: tools`, async () => {
    const messages = [{ role: "user", content: "What is the weather in Paris and in Tokyo?" }];
    for await (const part of await ollama.chat({ model, messages, tools, stream: true })) {
      if (part.message.tool_calls) messages.push(part.message);
    }
    const calls = messages.slice(1).flatMap((message) => message.tool_calls);
    assert.deepEqual(calls.map((call) => call.function.arguments), CITIES.map((city) => ({ city })));
    for (const call of calls) {
      messages.push({ role: "tool", tool_name: call.function.name, content: `fine in ${call.function.arguments.city}` });
    }
    const said = await ollama.chat({ model, messages, tools });
    assert.match(said.message.content, /fine in Paris; fine in Tokyo/);
  });

  test(`ollama, ${speaks}: an answer in JSON`, async () => {
    const format = { type: "object", properties: { name: { type: "string" }, people: { type: "integer" } },
      required: ["name", "people"] };
    const said = await ollama.chat({ model, messages: [{ role: "user", content: "a city, as JSON" }], format });
    assert.equal(typeof JSON.parse(said.message.content).name, "string");
  });

  test(`ollama, ${speaks}: errors are the package's own`, async () => {
    const fault = (name) => model.replace(/[^/]+$/, name);
    for (const stream of [false, true]) {
      await assert.rejects(ollama.chat({ model: fault("error-429"), messages: hello, stream }),
        (error) => error.name === "ResponseError" && error.status_code === 429);
    }
    await assert.rejects(async () => all(ollama.chat({ model: fault("cut"), messages: hello, stream: true })));
  });
}

test("ollama: models are listed and shown", async () => {
  const { models } = await ollama.list();
  assert.ok(models.some((model) => model.name === "on_gemini/gemini-2.5-pro"));
  assert.ok((await ollama.show({ model: "on_gemini/gemini-2.5-pro" })).capabilities.includes("completion"));
  assert.deepEqual((await ollama.ps()).models, []);
  assert.match((await ollama.version()).version, /^\d+\.\d+\.\d+$/);
  await assert.rejects(ollama.show({ model: "nope" }), (error) => error.status_code === 404);
});
