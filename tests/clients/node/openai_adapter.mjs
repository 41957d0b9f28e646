// The official OpenAI library, as the cases of a translation use any library.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { KEY, PARAMETERS, TIMEOUT_MS, URL, collected } from "./case_runner.mjs";

export const NAME = "openai";
export const StreamError = OpenAI.APIError;
const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY, maxRetries: 0, timeout: TIMEOUT_MS });

const TOOLS = ["weather", "forecast"].map((name) => ({
  type: "function",
  function: { name, parameters: PARAMETERS },
}));
const STOPS = { stop: "end", length: "length", tool_calls: "tools", content_filter: "refusal" };
export const STATUS_ERRORS = {
  400: OpenAI.BadRequestError,
  404: OpenAI.NotFoundError,
  429: OpenAI.RateLimitError,
  502: OpenAI.InternalServerError,
  529: OpenAI.InternalServerError,
};
// What the gateway calls them
export const KINDS = {
  400: "invalid_request_error",
  404: "invalid_request_error",
  429: "rate_limit_error",
  502: "server_error",
  529: "server_error",
};
export const SETTINGS = {
  temperature: 0.5,
  top_p: 0.25,
  stop: ["END", "FIN"],
  tool_choice: "required",
  parallel_tool_calls: false,
  user: "ada",
};

export function request(model, messages, { tools, think, limit = 2048, schema, ...more } = {}) {
  if (tools) more.tools = TOOLS;
  if (think) more.reasoning_effort = "high";
  if (limit !== null) more.max_completion_tokens = limit;
  if (schema) {
    const json_schema = { name: "reply", schema, strict: true };
    more.response_format = { type: "json_schema", json_schema };
  }
  return { model, messages, ...more };
}

export async function ask(model, messages, { stream, ...more } = {}) {
  if (stream) return streamed(request(model, messages, more));
  const response = await client.chat.completions.create(request(model, messages, more)).asResponse();
  const body = await response.text();
  const completion = JSON.parse(body);
  assert.equal(completion.object, "chat.completion");
  return { ...answer(completion), body };
}

/** Through the library's helper, which hands out each chunk and puts the message together. */
async function streamed(wanted) {
  const options = { stream_options: { include_usage: true } };
  const stream = client.chat.completions.stream({ ...wanted, ...options });
  const chunks = [];
  stream.on("chunk", (chunk) => chunks.push(structuredClone(chunk)));
  const completion = await stream.finalChatCompletion();
  check(chunks, true);
  const deltas = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta));
  // the helper keeps only the last piece of a field that it does not know
  const thoughts = deltas.map((delta) => delta.reasoning_content ?? "").join("");
  return { ...answer(completion), thoughts, pieces: piecesOf(deltas) };
}

/** The order that clients of this dialect rely on; usage comes once and last, or not at all. */
function check(chunks, usage) {
  assert.ok(chunks.every((chunk) => chunk.object === "chat.completion.chunk"));
  assert.equal(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.model}`)).size, 1, "ids and models");
  const reported = chunks.filter((chunk) => chunk.usage);
  assert.equal(reported.length, usage ? 1 : 0, "chunks with usage");
  if (usage) {
    assert.equal(reported[0], chunks.at(-1));
    assert.deepEqual(reported[0].choices, []);
  }
  const said = usage ? chunks.slice(0, -1) : chunks;
  assert.ok(said.every((chunk) => chunk.choices.length === 1), "a chunk without a choice came");
  assert.equal(said[0].choices[0].delta.role, "assistant");
  const finished = said.map((chunk) => Boolean(chunk.choices[0].finish_reason));
  assert.equal(finished.indexOf(true), said.length - 1, "the finish reason comes once and last");
}

function piecesOf(deltas) {
  const pieces = {};
  const count = (kind, text) => (pieces[kind] = (pieces[kind] ?? 0) + (text ? 1 : 0));
  for (const delta of deltas) {
    count("text", delta.content);
    count("thoughts", delta.reasoning_content);
    for (const call of delta.tool_calls ?? []) count(`call ${call.index}`, call.function.arguments);
  }
  return pieces;
}

function answer({ choices, usage }) {
  assert.equal(choices.length, 1);
  const [{ message, finish_reason }] = choices;
  assert.equal(message.role, "assistant");
  return {
    text: message.content ?? "",
    thoughts: message.reasoning_content ?? "",
    calls: (message.tool_calls ?? []).map(call),
    stop: STOPS[finish_reason],
    tokens: tokens(usage),
    message,
    sealed: (message.reasoning_details ?? []).map((detail) => detail.signature ?? detail.data),
    refusal: message.refusal,
  };
}

const call = ({ id, function: { name, arguments: text } }) => ({ id, name, text, arguments: JSON.parse(text) });

function tokens(usage) {
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
  return { prompt: usage.prompt_tokens, cached, output: usage.completion_tokens };
}

/** One image is a URL, or its media type and base64. */
export function says(text, images = []) {
  if (!images.length) return { role: "user", content: text };
  const url = (image) => (Array.isArray(image) ? `data:${image[0]};base64,${image[1]}` : image);
  const parts = images.map((image) => ({ type: "image_url", image_url: { url: url(image) } }));
  return { role: "user", content: [{ type: "text", text }, ...parts] };
}

/** A question about a PDF. */
export function reads(text, filename, data) {
  const file = { filename, file_data: `data:application/pdf;base64,${data}` };
  return { role: "user", content: [{ type: "text", text }, { type: "file", file }] };
}

/** A conversation under a system prompt, and what else the request needs for it. */
export const instructed = (text, conversation) => [[{ role: "system", content: text }, ...conversation], {}];

export const copied = (message) => ({ ...message });

export const results = ({ calls }, texts) =>
  calls.map(({ id }, at) => ({ role: "tool", tool_call_id: id, content: texts[at] }));

export const openStream = (model, messages, more = {}) =>
  client.chat.completions.create({ ...request(model, messages, more), stream: true });

export const textOf = (chunk) => chunk.choices.map((choice) => choice.delta.content ?? "").join("");

/** Usage comes where it is asked for, and nowhere else. */
export async function checkUsage(model, messages) {
  for (const wanted of [undefined, false, true]) {
    const options = wanted === undefined ? {} : { stream_options: { include_usage: wanted } };
    check(await collected(await openStream(model, messages, options)), wanted === true);
  }
}

/** Type and message of an error in this dialect's shape. */
export const problem = ({ error }) => [error.type, error.message];
