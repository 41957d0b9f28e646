// The official Anthropic library, as the cases of a translation use any library.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { KEY, PARAMETERS, TIMEOUT_MS, URL, collected } from "./case_runner.mjs";

export const NAME = "anthropic";
export const StreamError = Anthropic.APIError;
const client = new Anthropic({ baseURL: URL, apiKey: KEY, maxRetries: 0, timeout: TIMEOUT_MS });

const TOOLS = ["weather", "forecast"].map((name) => ({ name, input_schema: PARAMETERS }));
const STOPS = {
  end_turn: "end",
  max_tokens: "length",
  tool_use: "tools",
  stop_sequence: "stop sequence",
  refusal: "refusal",
};
export const STATUS_ERRORS = {
  400: Anthropic.BadRequestError,
  404: Anthropic.NotFoundError,
  429: Anthropic.RateLimitError,
  502: Anthropic.InternalServerError,
  529: Anthropic.InternalServerError,
};
// What the gateway calls them
export const KINDS = {
  400: "invalid_request_error",
  404: "not_found_error",
  429: "rate_limit_error",
  502: "api_error",
  529: "overloaded_error",
};
export const SETTINGS = {
  temperature: 0.5,
  top_p: 0.25,
  stop_sequences: ["END", "FIN"],
  tool_choice: { type: "any", disable_parallel_tool_use: true },
  metadata: { user_id: "ada" },
};

export function request(model, messages, { tools, think, limit = 2048, schema, ...more } = {}) {
  if (tools) more.tools = TOOLS;
  if (think) more.thinking = { type: "enabled", budget_tokens: 1024 };
  if (schema) more.output_config = { format: { type: "json_schema", schema } };
  // the library has no request without a limit
  return { model, max_tokens: limit ?? 2048, messages, ...more };
}

export async function ask(model, messages, { stream, ...more } = {}) {
  if (stream) return streamed(request(model, messages, more));
  const response = await client.messages.create(request(model, messages, more)).asResponse();
  const body = await response.text();
  return { ...answer(JSON.parse(body)), body };
}

/** Through the library's helper, which hands out each event and puts the message together. */
async function streamed(wanted) {
  const stream = client.messages.stream(wanted);
  const events = [];
  const blocks = [];
  stream.on("streamEvent", (event) => events.push(structuredClone(event)));
  stream.on("contentBlock", (block) => blocks.push(block));
  const message = await stream.finalMessage();
  check(events);
  assert.deepEqual(blocks, message.content, "the blocks as they were completed");
  return { ...answer(message), pieces: piecesOf(events) };
}

/** The order that clients of this dialect rely on: one block after the other. */
function check(events) {
  const kinds = events.map((event) => event.type);
  assert.equal(kinds[0], "message_start");
  assert.deepEqual(kinds.slice(-2), ["message_delta", "message_stop"]);
  let [begun, open] = [0, null];
  for (const { type, index } of events) {
    if (type === "content_block_start") {
      assert.deepEqual([open, index], [null, begun], "a block begins");
      open = begun++;
    } else if (type === "content_block_delta" || type === "content_block_stop") {
      assert.equal(index, open, type);
      if (type === "content_block_stop") open = null;
    }
  }
  assert.equal(open, null, "the last block is not closed");
}

function piecesOf(events) {
  const kinds = { text_delta: "text", thinking_delta: "thoughts", signature_delta: "signature" };
  const [pieces, calls] = [{}, []];
  for (const { type, index, content_block, delta } of events) {
    if (type === "content_block_start" && content_block.type === "tool_use") {
      assert.deepEqual(content_block.input, {}, "the input at the start");
      calls[index] = `call ${calls.filter(Boolean).length}`;
    }
    if (type !== "content_block_delta") continue;
    const kind = kinds[delta.type] ?? calls[index];
    const text = delta.text ?? delta.thinking ?? delta.partial_json ?? delta.signature;
    pieces[kind] = (pieces[kind] ?? 0) + (text ? 1 : 0);
  }
  return pieces;
}

function answer(message) {
  assert.deepEqual([message.type, message.role], ["message", "assistant"]);
  assert.ok(message.id && message.model, "the message has no id or no model");
  const blocks = message.content;
  const of = (type) => blocks.filter((block) => block.type === type);
  const thoughts = of("thinking");
  const { input_tokens, output_tokens, cache_read_input_tokens, cache_creation_input_tokens } = message.usage;
  const read = cache_read_input_tokens ?? 0;
  return {
    text: of("text").map((block) => block.text).join(""),
    thoughts: thoughts.map((block) => block.thinking).join(""),
    calls: of("tool_use").map(({ id, name, input }) => ({ id, name, arguments: input })),
    stop: STOPS[message.stop_reason],
    tokens: {
      prompt: input_tokens + read + (cache_creation_input_tokens ?? 0),
      cached: read,
      output: output_tokens,
    },
    message: { role: "assistant", content: blocks },
    sealed: [
      ...thoughts.map((block) => block.signature),
      ...of("redacted_thinking").map((block) => block.data),
    ],
  };
}

/** One image is a URL, or its media type and base64. */
export function says(text, images = []) {
  if (!images.length) return { role: "user", content: text };
  const source = (image) =>
    Array.isArray(image)
      ? { type: "base64", media_type: image[0], data: image[1] }
      : { type: "url", url: image };
  const blocks = images.map((image) => ({ type: "image", source: source(image) }));
  return { role: "user", content: [{ type: "text", text }, ...blocks] };
}

/** A question about a PDF. */
export function reads(text, title, data) {
  const source = { type: "base64", media_type: "application/pdf", data };
  return { role: "user", content: [{ type: "text", text }, { type: "document", source, title }] };
}

/** A conversation under a system prompt, and what else the request needs for it. */
export const instructed = (system, conversation) => [conversation, { system }];

export const copied = ({ role, content }) => ({ role, content: content.map((block) => ({ ...block })) });

export const results = ({ calls }, texts) => [
  {
    role: "user",
    content: calls.map(({ id }, at) => ({ type: "tool_result", tool_use_id: id, content: texts[at] })),
  },
];

export const openStream = (model, messages, more = {}) =>
  client.messages.create({ ...request(model, messages, more), stream: true });

export const textOf = (event) => (event.type === "content_block_delta" ? (event.delta.text ?? "") : "");

/** In this dialect usage always comes. */
export async function checkUsage(model, messages) {
  const events = await collected(await openStream(model, messages));
  check(events);
  assert.equal(events.at(-2).usage.output_tokens, 22);
}

/** Type and message of an error in this dialect's shape. */
export function problem({ error }) {
  assert.equal(error.type, "error");
  return [error.error.type, error.error.message];
}
