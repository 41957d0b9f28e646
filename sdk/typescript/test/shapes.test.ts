// The package's types against what the gateway writes (`fixtures/shapes.ts`, made by the gateway's own types). That each
// shape satisfies its type is checked there; that no type has a field that the gateway does not know, is checked here.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chunks, leastRequest, leastResponse, request, response } from '../fixtures/shapes.js';
import type {
  CanonicalChunk,
  CanonicalMessage,
  CanonicalRequest,
  CanonicalResponse,
  CanonicalTool,
  CanonicalUsage,
  ContentBlock,
  Delta,
  MessageDelta,
  ResponseFormat,
  Source,
  SystemBlock,
  ThinkingRequest,
  ToolChoice,
} from '../src/index.js';
import { estimateInputTokens } from '../src/index.js';
import { Fold } from '../src/testing/index.js';

/** Every field of the type is in what the gateway wrote: a field of its own does not compile. */
type Keys<T> = Record<keyof T, unknown>;
/** The variant of a union by its `type`. */
type Variant<Union, Type> = Extract<Union, { type: Type }>;

const [, , message] = request.messages;
const [tool] = request.tools;
const [system] = request.system;

request satisfies Keys<CanonicalRequest>;
message! satisfies Keys<CanonicalMessage>;
tool! satisfies Keys<CanonicalTool>;
system! satisfies Keys<SystemBlock>;
request.toolChoice satisfies Keys<ToolChoice>;
request.thinking satisfies Keys<ThinkingRequest>;
request.responseFormat satisfies Keys<Variant<ResponseFormat, 'json_schema'>>;
response satisfies Keys<CanonicalResponse>;
response.usage satisfies Keys<CanonicalUsage>;

type Block<Type> = Keys<Variant<ContentBlock, Type>>;
const blocks = message!.content as readonly ContentBlock[];
const required = <T>(type: string, at = 0): T => {
  const found = blocks.filter((block) => block.type === type)[at];
  assert.ok(found, type);
  return found as T;
};

test('each type of block has the fields that its type has, and no other', () => {
  // by their names at run time, since the compiler sees one union of all blocks
  const fields: { [Type in ContentBlock['type']]: Array<keyof Block<Type>> } = {
    text: ['type', 'text', 'cacheControl', 'extensions'],
    tool_use: ['type', 'id', 'name', 'input', 'cacheControl', 'extensions'],
    tool_result: ['type', 'toolUseId', 'content', 'isError', 'cacheControl', 'extensions'],
    image: ['type', 'source', 'cacheControl', 'extensions'],
    document: ['type', 'source', 'title', 'context', 'cacheControl', 'extensions'],
    thinking: ['type', 'text', 'signature', 'origin', 'cacheControl', 'extensions'],
    opaque: ['type', 'dialect', 'value', 'origin'],
  };
  for (const [type, names] of Object.entries(fields)) {
    assert.deepEqual(Object.keys(required<object>(type)).sort(), [...names].sort(), type);
  }
  assert.deepEqual(new Set(blocks.map((block) => block.type)), new Set(Object.keys(fields)));
});

test('each source has the fields that its type has', () => {
  const fields: { [Type in Source['type']]: Array<keyof Keys<Variant<Source, Type>>> } = {
    base64: ['type', 'mediaType', 'data', 'extensions'],
    url: ['type', 'data', 'extensions'],
    text: ['type', 'mediaType', 'data', 'extensions'],
  };
  const sources = [required<{ source: Source }>('image'), required<{ source: Source }>('image', 1), required<{ source: Source }>('document')];
  for (const { source } of sources) assert.deepEqual(Object.keys(source).sort(), [...fields[source.type]].sort());
  assert.equal(new Set(sources.map(({ source }) => source.type)).size, 3);
});

test('each piece of a stream has the fields that its type has', () => {
  const pieces: { [Type in CanonicalChunk['type']]: Array<keyof Keys<Variant<CanonicalChunk, Type>>> } = {
    message_start: ['type', 'message'],
    content_block_start: ['type', 'index', 'contentBlock'],
    content_block_delta: ['type', 'index', 'delta'],
    content_block_stop: ['type', 'index'],
    message_delta: ['type', 'delta', 'usage'],
    message_stop: ['type'],
    opaque: ['type', 'dialect', 'value', 'origin'],
  };
  const deltas: { [Type in Delta['type']]: Array<keyof Keys<Variant<Delta, Type>>> } = {
    text_delta: ['type', 'text'],
    input_json_delta: ['type', 'partialJson'],
    thinking_delta: ['type', 'text'],
    signature_delta: ['type', 'signature'],
    extensions_delta: ['type', 'extensions'],
  };
  const ends: Array<keyof Keys<MessageDelta>> = ['stopReason', 'stopSequence', 'extensions'];
  const all: readonly CanonicalChunk[] = chunks;
  for (const chunk of all) {
    assert.deepEqual(Object.keys(chunk).sort(), [...pieces[chunk.type]].sort(), chunk.type);
    if (chunk.type === 'content_block_delta') {
      assert.deepEqual(Object.keys(chunk.delta).sort(), [...deltas[chunk.delta.type]].sort(), chunk.delta.type);
    }
    if (chunk.type === 'message_delta') assert.deepEqual(Object.keys(chunk.delta).sort(), [...ends].sort());
  }
  assert.deepEqual(new Set(all.map(({ type }) => type)), new Set(Object.keys(pieces)));
  const types = all.flatMap((chunk) => (chunk.type === 'content_block_delta' ? [chunk.delta.type] : []));
  assert.deepEqual(new Set(types), new Set(Object.keys(deltas)));
});

test('what is not said is absent', () => {
  assert.deepEqual(Object.keys(leastRequest).sort(), ['messages', 'model', 'stream']);
  assert.deepEqual(Object.keys(leastResponse).sort(), ['content', 'id', 'model', 'role', 'stopReason']);
  assert.equal(leastResponse.stopReason, null);
});

test('the stream of the gateway adds up to its answer', () => {
  const fold = new Fold();
  for (const chunk of chunks as readonly CanonicalChunk[]) fold.push(chunk);
  const bare = (answer: CanonicalResponse) =>
    JSON.parse(JSON.stringify(answer, (key, value) => (['extensions', 'cacheControl'].includes(key) ? undefined : value)));
  assert.deepEqual(bare(fold.response), bare(response));
});

test('a request of the gateway can be estimated', () => {
  assert.ok(estimateInputTokens(request) > estimateInputTokens(leastRequest));
});
