// The official OpenAI library against a gateway, or against the scripted upstream itself.
import assert from "node:assert/strict";
import OpenAI from "openai";
import {
  ARGUMENTS, KEY, PARAMETERS, PIXEL, TEXT, THOUGHTS, TIMEOUT_MS, UNKNOWN_MODEL, URL,
  collected, eventually, mistypedKey, rejection, run, test,
} from "./case_runner.mjs";

const MODEL = process.env.OPENAI_MODEL ?? "openai/scripted";
const OPTIONS = { baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0, timeout: TIMEOUT_MS };
const client = new OpenAI(OPTIONS);
const HELLO = [{ role: "user", content: "hello" }];
const TOOLS = ["weather", "forecast"].map((name) => ({
  type: "function",
  function: { name, parameters: PARAMETERS },
}));

const chat = (directives = "", more = {}) =>
  client.chat.completions.create({ model: MODEL + directives, messages: HELLO, ...more });
const content = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

test(async function chat_json() {
  const answer = await chat("@tokens=11:22:3:4");
  assert.equal(answer.choices[0].message.content, TEXT);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.prompt_tokens, 11);
  assert.equal(answer.usage.completion_tokens, 22);
  assert.equal(answer.usage.total_tokens, 33);
  assert.equal(answer.usage.prompt_tokens_details.cached_tokens, 3);
  assert.equal(answer.usage.completion_tokens_details.reasoning_tokens, 4);
  assert.equal(answer.penstock_text, "café / 🎉");
});

test(async function chat_stream_without_usage() {
  const chunks = await collected(await chat("@tokens=11:22", { stream: true }));
  assert.equal(content(chunks), TEXT);
  assert.ok(chunks.every((chunk) => chunk.usage == null), "usage came though it was not asked for");
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1), "a chunk without choices came");
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
});

test(async function chat_stream_with_usage() {
  const options = { stream: true, stream_options: { include_usage: true } };
  const chunks = await collected(await chat("@tokens=11:22", options));
  assert.equal(content(chunks), TEXT);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.prompt_tokens, 11);
  assert.equal(chunks.at(-1).usage.completion_tokens, 22);
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null), "usage came early");
});

test(async function chat_stream_in_odd_framing() {
  for (const directives of ["@byte-splits", "@crlf:comments", "@byte-splits=1:crlf", "@chunks=200"]) {
    const text = content(await collected(await chat(directives, { stream: true })));
    assert.ok(text.startsWith(TEXT), `${directives}: ${text}`);
  }
});

test(async function chat_stream_helper() {
  const stream = client.chat.completions.stream({ model: MODEL, messages: HELLO });
  assert.equal(await stream.finalContent(), TEXT);
});

test(async function chat_tools_json() {
  const [first] = (await chat("", { tools: TOOLS })).choices;
  assert.equal(first.finish_reason, "tool_calls");
  const calls = first.message.tool_calls;
  assert.deepEqual(calls.map((call) => call.function.name), ["weather", "forecast"]);
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments)), ARGUMENTS);
  const results = calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "fine" }));
  const messages = [...HELLO, first.message, ...results];
  const [second] = (await chat("@echo", { messages, tools: TOOLS })).choices;
  assert.equal(second.message.content, "echo: hello; images: 0; tool results: 2");
});

test(async function chat_tools_stream() {
  const calls = [];
  for await (const chunk of await chat("", { tools: TOOLS, stream: true })) {
    for (const piece of chunk.choices[0].delta.tool_calls ?? []) {
      const call = (calls[piece.index] ??= { id: piece.id, name: "", text: "", pieces: 0 });
      call.name += piece.function.name ?? "";
      call.text += piece.function.arguments ?? "";
      call.pieces += 1;
    }
  }
  assert.deepEqual(calls.map((call) => call.name), ["weather", "forecast"]);
  assert.deepEqual(calls.map((call) => JSON.parse(call.text)), ARGUMENTS);
  assert.notEqual(calls[0].id, calls[1].id);
  assert.ok(calls.every((call) => call.pieces > 2), "the arguments did not come in pieces");
});

test(async function chat_image() {
  const image = { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } };
  const turn = { role: "user", content: [{ type: "text", text: "what is this?" }, image, image] };
  const [choice] = (await chat("@echo", { messages: [turn] })).choices;
  assert.equal(choice.message.content, "echo: what is this?; images: 2; tool results: 0");
});

test(async function responses_json() {
  const answer = await client.responses.create({ model: `${MODEL}@tokens=11:22:3:4`, input: "hello" });
  assert.equal(answer.output_text, TEXT);
  assert.equal(answer.status, "completed");
  assert.equal(answer.usage.input_tokens, 11);
  assert.equal(answer.usage.output_tokens, 22);
  assert.equal(answer.usage.output_tokens_details.reasoning_tokens, 4);
  const image = { type: "input_image", detail: "auto", image_url: `data:image/png;base64,${PIXEL}` };
  const turn = { role: "user", content: [{ type: "input_text", text: "see?" }, image] };
  const echo = await client.responses.create({ model: `${MODEL}@echo`, input: [turn] });
  assert.equal(echo.output_text, "echo: see?; images: 1; tool results: 0");
});

test(async function responses_stream() {
  const request = { model: `${MODEL}@tokens=11:22`, input: "hello", stream: true };
  const events = await collected(await client.responses.create(request));
  assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
  assert.equal(events[0].type, "response.created");
  const deltas = events.filter((event) => event.type === "response.output_text.delta");
  assert.ok(deltas.length > 2, "the text did not come in pieces");
  assert.equal(deltas.map((event) => event.delta).join(""), TEXT);
  const last = events.at(-1);
  assert.equal(last.type, "response.completed");
  assert.equal(last.response.output[0].content[0].text, TEXT);
  assert.equal(last.response.usage.output_tokens, 22);
});

test(async function responses_tools_and_reasoning() {
  const tools = ["a", "b"].map((name) => ({
    type: "function", name, parameters: PARAMETERS, strict: false,
  }));
  const request = { model: MODEL, input: "hello", tools, reasoning: { summary: "auto" } };
  const streamed = await client.responses.stream(request).finalResponse();
  for (const answer of [await client.responses.create(request), streamed]) {
    const [reasoning, ...calls] = answer.output;
    assert.equal(reasoning.summary[0].text, THOUGHTS);
    assert.ok(reasoning.encrypted_content, "no encrypted reasoning");
    assert.deepEqual(calls.map((call) => call.name), ["a", "b"]);
    assert.deepEqual(calls.map((call) => JSON.parse(call.arguments)), ARGUMENTS);
  }
});

test(async function embeddings() {
  // Unless told otherwise the library asks for base64 and decodes it
  for (const more of [{}, { encoding_format: "float" }]) {
    const answer = await client.embeddings.create({
      model: `${MODEL}@tokens=9`, input: ["a", "b"], dimensions: 3, ...more,
    });
    const vectors = answer.data.map((item) => Array.from(item.embedding));
    assert.deepEqual(vectors, [[0.5, 0.25, 0.125], [1.5, 0.25, 0.125]]);
    assert.equal(answer.usage.prompt_tokens, 9);
  }
});

test(async function models_list() {
  const models = await collected(await client.models.list());
  assert.ok(models.length >= 1 && models.every((model) => model.id), "no models are listed");
});

test(async function concurrent_answers_are_not_mixed_up() {
  const tags = [...Array(30).keys()];
  const texts = await Promise.all(
    tags.map(async (tag) =>
      content(await collected(await chat(`@delay-ms=3:tag=t${tag}`, { stream: true }))),
    ),
  );
  assert.deepEqual(texts, tags.map((tag) => `${TEXT} [t${tag}]`));
});

test(async function abandoned_stream() {
  let taken = 0;
  for await (const _ of await chat("@stall-after=3", { stream: true })) {
    if (++taken === 3) break;
  }
  assert.equal((await chat()).choices[0].message.content, TEXT);
});

test(async function error_in_mid_stream() {
  const chunks = [];
  const error = await rejection(OpenAI.APIError, async () => {
    for await (const chunk of await chat("@mid-error=4", { stream: true })) chunks.push(chunk);
  });
  assert.match(error.message, /server had an error/);
  assert.ok(content(chunks) && TEXT.startsWith(content(chunks)), "what came before the error");
});

test(async function unknown_model() {
  const error = await rejection(OpenAI.NotFoundError, () =>
    client.chat.completions.create({ model: UNKNOWN_MODEL, messages: HELLO }),
  );
  assert.ok(error.error?.message, `no message: ${JSON.stringify(error.error)}`);
});

test(async function bad_request_from_upstream() {
  const error = await rejection(OpenAI.BadRequestError, () => chat("@status=400"));
  assert.equal(error.error.message, "The script asked for this status.");
  assert.equal(error.type, "invalid_request_error");
});

test(async function mistyped_key_is_refused() {
  const wrong = new OpenAI({ ...OPTIONS, apiKey: mistypedKey() });
  const error = await rejection(OpenAI.AuthenticationError, () =>
    wrong.chat.completions.create({ model: MODEL, messages: HELLO }),
  );
  assert.ok(error.error?.message, `no message: ${JSON.stringify(error.error)}`);
});

// Last, since a gateway may rest the credential afterwards
test(async function rate_limit_and_recovery() {
  const error = await rejection(OpenAI.RateLimitError, () => chat("@status=429:retry-after=1"));
  assert.ok(error.error?.message, `no message: ${JSON.stringify(error.error)}`);
  const answer = await eventually(chat, OpenAI.APIError);
  assert.equal(answer.choices[0].message.content, TEXT);
});

await run();
