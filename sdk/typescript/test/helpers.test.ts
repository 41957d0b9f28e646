// The helpers of the main entry.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  calculateActualCost,
  defineModule,
  errorResponse,
  estimateInputTokens,
  estimateRequestCost,
  textResponse,
} from '../src/index.js';
import { testRequest } from '../src/testing/index.js';

test('an error is one text of JSON with its type, message, status and whatever else', () => {
  const made = errorResponse('cost_limit_per_day', 'spent', { status: 429, resets_at: '2026-02-01T00:00:00Z' });
  assert.deepEqual([made.stopReason, made.content.length, made.role], ['error', 1, 'assistant']);
  const [block] = made.content;
  assert.ok(block?.type === 'text');
  const error = { type: 'cost_limit_per_day', message: 'spent', status: 429, resets_at: '2026-02-01T00:00:00Z' };
  assert.deepEqual(JSON.parse(block.text), { error });
});

test('an error without a status says none, and one that is none is refused', () => {
  const [block] = errorResponse('refused', 'no').content;
  assert.ok(block?.type === 'text');
  assert.deepEqual(JSON.parse(block.text), { error: { type: 'refused', message: 'no' } });
  for (const status of [200, 399, 600, 429.5, Number.NaN]) {
    assert.throws(() => errorResponse('refused', 'no', { status }), /expected a whole number from 400 to 599/);
  }
});

test('a further field does not take the place of the type or the message', () => {
  const [block] = errorResponse('refused', 'no', { type: 'other', message: 'other' }).content;
  assert.ok(block?.type === 'text');
  assert.deepEqual(JSON.parse(block.text), { error: { type: 'refused', message: 'no' } });
});

test('a text is an answer that used nothing', () => {
  assert.deepEqual(textResponse('hi', { model: 'm' }), {
    id: '',
    model: 'm',
    role: 'assistant',
    content: [{ type: 'text', text: 'hi' }],
    stopReason: 'end_turn',
    usage: { inputTokens: 0, outputTokens: 0 },
  });
});

test('what is defined is given back as it is', () => {
  const module = { name: 'a', version: '1.0.0', extra: 1 };
  assert.equal(defineModule(module), module);
  const factory = (config: { on: boolean }) => ({ name: 'b', version: '1.0.0', config });
  assert.equal(defineModule(factory), factory);
});

test('four bytes are a token, in every script', () => {
  const least = { model: '', messages: [], stream: false };
  const tokens = (text: string) => estimateInputTokens({ ...least, system: text });
  for (const text of ['', 'a', 'abcde', 'Änne', '日本語', '🦀🦀', 'word '.repeat(9_999)]) {
    assert.equal(tokens(text), Math.ceil(Buffer.byteLength(text) / 4), text.slice(0, 9));
  }
});

test('media are told from text', () => {
  const least = { model: '', messages: [], stream: false };
  const long = 'iVBORw0KGgo'.repeat(200);
  assert.equal(estimateInputTokens({ ...least, system: long }), 1_000);
  assert.equal(estimateInputTokens({ ...least, system: `a ${long}` }), Math.ceil((long.length + 2) / 4));
});

test('an estimate is the input and half of the output that there may be', () => {
  const request = testRequest({ maxTokens: 1_000 });
  const input = estimateInputTokens(request);
  assert.ok(input > 0);
  const expected = (input * 3 + 500 * 15) / 1e6;
  assert.equal(estimateRequestCost(request, { input: 3, output: 15 }), expected);
  assert.equal(estimateRequestCost(request, { 'test/model': { input: 3, output: 15 } }), expected);
});

test('prices are found by the longest name that stands for the model', () => {
  const prices = {
    '*': { input: 1, output: 1 },
    'test/*': { input: 2, output: 2 },
    'test/m*': { input: 3, output: 3 },
    'test/model': { input: 4, output: 4 },
  };
  const cost = (model: string) => calculateActualCost({ inputTokens: 1e6 }, prices, model);
  assert.deepEqual(['test/model', 'test/mini', 'test/x', 'other'].map(cost), [4, 3, 2, 1]);
  assert.equal(calculateActualCost({ inputTokens: 1 }, { a: { input: 1, output: 1 } }, 'b'), undefined);
  assert.equal(calculateActualCost({ inputTokens: 1 }, {}, 'constructor'), undefined);
  assert.equal(estimateRequestCost(testRequest(), { a: { input: 1, output: 1 } }), undefined);
});

test('an actual cost has every kind of token in it', () => {
  const usage = { inputTokens: 1e6, outputTokens: 1e6, cacheReadInputTokens: 1e6, cacheCreationInputTokens: 1e6 };
  const prices = { input: 3, output: 15, cacheRead: 0.3, cacheCreation: 3.75 };
  assert.ok(Math.abs(calculateActualCost(usage, prices) - 22.05) < 1e-12);
  assert.equal(calculateActualCost(usage, { input: 3, output: 15 }), 24, 'without prices of its own a cache is input');
  assert.equal(calculateActualCost(undefined, prices), 0);
});
