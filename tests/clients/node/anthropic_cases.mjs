// The official Anthropic library against a gateway, or against the scripted upstream itself.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import {
  ARGUMENTS, KEY, PARAMETERS, PIXEL, SIGNATURE, TEXT, THOUGHTS, TIMEOUT_MS, UNKNOWN_MODEL, URL,
  collected, eventually, mistypedKey, rejection, run, test,
} from "./case_runner.mjs";

const MODEL = process.env.ANTHROPIC_MODEL ?? "anthropic/scripted";
const OPTIONS = { baseURL: URL, apiKey: KEY, maxRetries: 0, timeout: TIMEOUT_MS };
const client = new Anthropic(OPTIONS);
const HELLO = [{ role: "user", content: "hello" }];
const TOOLS = ["weather", "forecast"].map((name) => ({ name, input_schema: PARAMETERS }));
const THINKING = { type: "enabled", budget_tokens: 1024 };

const request = (directives = "", more = {}) => ({
  model: MODEL + directives, max_tokens: 2048, messages: HELLO, ...more,
});
const create = (directives, more) => client.messages.create(request(directives, more));
const final = (directives, more) => client.messages.stream(request(directives, more)).finalMessage();

test(async function messages_json() {
  const message = await create("@tokens=11:22:3:cache-write=5:7");
  assert.deepEqual(message.content.map((block) => block.text), [TEXT]);
  assert.equal(message.stop_reason, "end_turn");
  assert.equal(message.usage.input_tokens, 11);
  assert.equal(message.usage.output_tokens, 22);
  assert.equal(message.usage.cache_read_input_tokens, 3);
  assert.equal(message.usage.cache_creation_input_tokens, 12);
  assert.equal(message.usage.cache_creation.ephemeral_1h_input_tokens, 7);
});

test(async function messages_stream_helper() {
  let text = "";
  const stream = client.messages.stream(request("@tokens=11:22")).on("text", (delta) => (text += delta));
  const message = await stream.finalMessage();
  assert.equal(text, TEXT);
  assert.equal(message.content[0].text, TEXT);
  assert.equal(message.usage.input_tokens, 11);
  assert.equal(message.usage.output_tokens, 22);
  assert.equal(message.stop_reason, "end_turn");
});

test(async function messages_stream_raw() {
  for (const framing of ["", ":byte-splits", ":crlf:comments"]) {
    const events = await collected(await create(`@tokens=11:22${framing}`, { stream: true }));
    const kinds = events.map((event) => event.type);
    assert.equal(kinds[0], "message_start");
    assert.deepEqual(kinds.slice(-2), ["message_delta", "message_stop"]);
    assert.equal(events[0].message.usage.input_tokens, 11);
    assert.equal(events.at(-2).usage.output_tokens, 22);
    const deltas = events.filter((event) => event.type === "content_block_delta");
    assert.ok(deltas.length > 2, "the text did not come in pieces");
    assert.equal(deltas.map((event) => event.delta.text).join(""), TEXT);
  }
});

test(async function tools_json_and_stream() {
  const messages = [await create("", { tools: TOOLS }), await final("", { tools: TOOLS })];
  for (const message of messages) {
    assert.equal(message.stop_reason, "tool_use");
    assert.deepEqual(message.content.map((block) => block.name), ["weather", "forecast"]);
    assert.deepEqual(message.content.map((block) => block.input), ARGUMENTS);
  }
  const calls = messages[0].content;
  const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "fine" }));
  const history = [
    ...HELLO,
    { role: "assistant", content: calls },
    { role: "user", content: [...results, { type: "text", text: "and?" }] },
  ];
  const after = await create("@echo", { messages: history, tools: TOOLS });
  assert.equal(after.content[0].text, "echo: and?; images: 0; tool results: 2");
});

test(async function tool_arguments_come_in_pieces() {
  const pieces = [];
  for await (const event of await create("", { tools: TOOLS, stream: true })) {
    if (event.type === "content_block_delta") (pieces[event.index] ??= []).push(event.delta.partial_json);
  }
  assert.ok(pieces.every((found) => found.length > 2), "the arguments did not come in pieces");
  assert.deepEqual(pieces.map((found) => JSON.parse(found.join(""))), ARGUMENTS);
});

test(async function thinking_keeps_its_signature() {
  const thinking = THINKING;
  const messages = [
    await create("", { thinking }),
    await final("", { thinking }),
    await final("@byte-splits", { thinking }),
  ];
  for (const { content: [thought, said] } of messages) {
    assert.equal(thought.thinking, THOUGHTS);
    assert.equal(thought.signature, SIGNATURE);
    assert.equal(said.text, TEXT);
  }
  const turn = { role: "assistant", content: messages[0].content };
  const history = [...HELLO, turn, { role: "user", content: "go on" }];
  const after = await create("@echo", { messages: history, thinking });
  assert.equal(after.content.at(-1).text, "echo: go on; images: 0; tool results: 0");
});

test(async function image() {
  const source = { type: "base64", media_type: "image/png", data: PIXEL };
  const content = [{ type: "image", source }, { type: "text", text: "what is this?" }];
  const message = await create("@echo", { messages: [{ role: "user", content }] });
  assert.equal(message.content[0].text, "echo: what is this?; images: 1; tool results: 0");
});

test(async function count_tokens() {
  const counted = await client.messages.countTokens({ model: `${MODEL}@tokens=11:22`, messages: HELLO });
  assert.equal(counted.input_tokens, 11);
});

test(async function models_list() {
  const models = (await client.models.list({ limit: 20 })).data;
  assert.ok(models.length >= 1 && models.every((model) => model.id), "no models are listed");
});

test(async function abandoned_stream() {
  let taken = 0;
  for await (const _ of await create("@stall-after=5", { stream: true })) {
    if (++taken === 2) break;
  }
  assert.equal((await create()).content[0].text, TEXT);
});

test(async function error_in_mid_stream() {
  const read = async () => collected(await create("@mid-error=5", { stream: true }));
  const error = await rejection(Anthropic.APIError, read);
  assert.match(error.message, /Overloaded/);
});

test(async function unknown_model() {
  const error = await rejection(Anthropic.NotFoundError, () =>
    client.messages.create({ ...request(), model: UNKNOWN_MODEL }),
  );
  assert.equal(error.error.type, "error");
  assert.equal(error.error.error.type, "not_found_error");
  assert.ok(error.error.error.message, "no message");
});

test(async function bad_request_from_upstream() {
  const error = await rejection(Anthropic.BadRequestError, () => create("@status=400"));
  assert.equal(error.error.error.type, "invalid_request_error");
  assert.equal(error.error.error.message, "The script asked for this status.");
});

test(async function mistyped_key_is_refused() {
  const wrong = new Anthropic({ ...OPTIONS, apiKey: mistypedKey() });
  const error = await rejection(Anthropic.AuthenticationError, () => wrong.messages.create(request()));
  assert.equal(error.error.error.type, "authentication_error");
});

// Last, since a gateway may rest the credential afterwards
test(async function rate_limit_and_recovery() {
  const error = await rejection(Anthropic.RateLimitError, () => create("@status=429:retry-after=1"));
  assert.equal(error.error.error.type, "rate_limit_error");
  const message = await eventually(create, Anthropic.APIError);
  assert.equal(message.content[0].text, TEXT);
});

await run();
