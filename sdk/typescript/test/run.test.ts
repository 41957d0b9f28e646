// `run` does to a request what the gateway does.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { CanonicalResponse, Module } from '../src/index.js';
import { errorResponse, textResponse } from '../src/index.js';
import { chunksOf, Fold, memoryStorage, run, type RunResult } from '../src/testing/index.js';

const on = { continue: true } as const;

test('pre hooks run in their order, on what those before left; post hooks after the answer', async () => {
  const trail: string[] = [];
  const module = (name: string): Module => ({
    name,
    version: '1.0.0',
    async init() {
      trail.push(`init ${name}`);
    },
    async pre({ request }) {
      trail.push(`pre ${name} ${request.model}`);
      request.model = `${request.model}+${name}`;
      return on;
    },
    async post({ response }) {
      trail.push(`post ${name} ${response.model}`);
    },
  });
  await run([module('a'), module('b')], { request: { model: 'm' } });
  const expected = ['init a', 'init b', 'pre a m', 'pre b m+a', 'post a m+a+b', 'post b m+a+b'];
  assert.deepEqual(trail, expected);
});

test('an answer of a module skips what is behind it, but not their post hooks', async () => {
  const trail: string[] = [];
  const cache: Module = {
    name: 'cache',
    version: '1.0.0',
    pre: async () => ({ continue: false, response: textResponse('cached') }),
  };
  const behind: Module = {
    name: 'behind',
    version: '1.0.0',
    async pre() {
      trail.push('pre');
      return on;
    },
    async post({ response }) {
      trail.push(`post ${response.stopReason}`);
    },
  };
  const { answeredBy } = await run([cache, behind], { provider: () => assert.fail('it is not asked') });
  assert.deepEqual([answeredBy, trail], ['cache', ['post end_turn']]);
});

test('init runs once for a module and a storage', async () => {
  let times = 0;
  const module: Module = { name: 'a', version: '1.0.0', init: async () => void (times += 1) };
  const storage = memoryStorage();
  await run(module, { storage });
  await run(module, { storage });
  assert.equal(times, 1);
  await run(module);
  assert.equal(times, 2);
});

test('a module whose init fails is not there, or refuses if it is closed', async () => {
  const failing = (onFailure: 'open' | 'closed'): Module => ({
    name: 'failing',
    version: '1.0.0',
    onFailure,
    init: async () => Promise.reject(new Error('no')),
    pre: async () => assert.fail('it is not there'),
  });
  const open = await run(failing('open'));
  assert.deepEqual([open.error, open.failures.map(({ hook }) => hook)], [undefined, ['init']]);
  const closed = await run(failing('closed'));
  assert.deepEqual([closed.error?.status, closed.error?.type], [503, 'module_unavailable']);
});

test('a closed module that throws refuses the request by its name', async () => {
  const guard: Module = {
    name: 'guard',
    version: '1.0.0',
    onFailure: 'closed',
    pre: async () => Promise.reject(new Error('no')),
  };
  const { error, answeredBy, metadata }: RunResult = await run(guard);
  assert.deepEqual([error?.status, answeredBy, metadata.get('guard.preFailed')], [503, 'guard', true]);
  assert.match(error?.message ?? '', /"guard"/);
});

test('an error is no stream, and has a status in any case', async () => {
  const refuse = (response: CanonicalResponse): Module => ({
    name: 'refuse',
    version: '1.0.0',
    pre: async () => ({ continue: false, response }),
  });
  const streamed = await run(refuse(errorResponse('a', 'b', { status: 451 })), { request: { stream: true } });
  assert.deepEqual([streamed.chunks, streamed.error?.status], [[], 451]);
  const { error } = await run(refuse(textResponse('no JSON at all', { stopReason: 'error' })));
  assert.deepEqual(error, { type: 'module_error', message: 'no JSON at all', status: 400 });
});

test('what a test passes in stays as it was', async () => {
  const request = { messages: [{ role: 'user' as const, content: 'before' }] };
  const edit: Module = {
    name: 'edit',
    version: '1.0.0',
    async pre(ctx) {
      for (const message of ctx.request.messages) message.content = 'after';
      return on;
    },
  };
  const result = await run(edit, { request, metadata: [['known', 1]] });
  assert.equal(result.request.messages[0]?.content, 'after');
  assert.deepEqual([request.messages[0]?.content, result.metadata.get('known')], ['before', 1]);
});

test('a stream adds up to the answer that it was made of', () => {
  const answer: CanonicalResponse = {
    id: 'id',
    model: 'm',
    role: 'assistant',
    content: [
      { type: 'thinking', text: 'let me see', signature: 'signed', origin: 'anthropic_messages/anthropic' },
      { type: 'text', text: '  two words\n' },
      { type: 'tool_use', id: '1', name: 'look', input: { at: ['x'] } },
      { type: 'text', text: '' },
    ],
    stopReason: 'tool_use',
    usage: { inputTokens: 1, outputTokens: 2 },
  };
  const fold = new Fold();
  for (const chunk of chunksOf(answer)) fold.push(chunk);
  assert.deepEqual(fold.response, answer);
});
