// Every module of `fixtures/modules` does what the comment at its top says.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';

import './names.js';
import type { Module, ModuleFactory } from '../src/index.js';
import { memoryStorage, readMigrations, run, testRequest } from '../src/testing/index.js';

/** The folder of the package, from where the compiler puts this file. */
const PACKAGE = new URL('../../../', import.meta.url);
const seen = new Set<string>();

async function load<T = Module>(file: string, name = 'default'): Promise<T> {
  seen.add(file);
  // plain JavaScript is not compiled, and stays where it is
  const base = file.endsWith('.mjs') ? new URL('fixtures/modules/', PACKAGE) : new URL('../fixtures/modules/', import.meta.url);
  const exports = await import(new URL(file.replace(/\.ts$/, '.js'), base).href);
  assert.ok(exports[name], `${file} exports ${name}`);
  return exports[name];
}

const said = (content: string) => ({ messages: [{ role: 'user' as const, content }] });
const textOf = (response: { content: Array<{ type: string; text?: string }> }) =>
  response.content.map((block) => block.text ?? '').join('');

test('a default export, and one that comes from another file', async () => {
  for (const file of ['default-export.ts', 'reexport.ts']) {
    const { metadata, response } = await run(await load(file));
    assert.equal(metadata.get('default-export.ran'), true, file);
    assert.equal(textOf(response), 'Hello!');
  }
});

test('a named export answers without a provider', async () => {
  for (const [file, name] of [['named-export.ts', 'ping'], ['reexport.ts', 'renamed']] as const) {
    const module = await load(file, name);
    const provider = () => assert.fail('the provider is not asked');
    const answered = await run(module, { request: said('ping'), provider });
    assert.deepEqual([textOf(answered.response), answered.answeredBy], ['pong', 'ping']);
    assert.equal((await run(module)).answeredBy, undefined);
  }
});

test('several modules of a file share the metadata', async () => {
  const modules = [await load('several.ts', 'second'), await load('several.ts', 'first')];
  const { metadata } = await run(modules);
  assert.deepEqual(metadata.get('several.trail'), ['second', 'first']);
});

test('two configurations of a factory are two modules', async () => {
  const factory = await load<ModuleFactory>('factory.ts');
  const [brief, once] = [factory({ preamble: 'Be brief.' }), factory({ preamble: 'Hi.', limit: 1 })];
  const first = await run([brief, once]);
  assert.deepEqual(first.request.system, [
    { type: 'text', text: 'Hi.' },
    { type: 'text', text: 'Be brief.' },
  ]);
  const second = await run([brief, once], { request: { system: 'Own.' } });
  assert.equal(second.request.system, 'Be brief.\n\nOwn.');
  assert.throws(() => factory({}), /preamble: expected a string/);
});

test('relative imports are found by their .js names', async () => {
  const module = await load('with-library.ts');
  const provider = { ...(await run([])).response, usage: { inputTokens: 1_000_000, outputTokens: 1_000_000 } };
  const { metadata } = await run(module, { request: { model: 'test/small', maxTokens: 0 }, provider });
  assert.equal(metadata.get('cost.actual'), '150.0000 ct');
  assert.match(String(metadata.get('cost.estimated')), /^0\.00\d\d ct$/);
});

test('types from the older names', async () => {
  const { metadata } = await run(await load('prxy-types.ts', 'wordCount'), { request: said('one two  three') });
  assert.equal(metadata.get('words'), 3);
});

test('helpers from the older name, and an error with a field of its own', async () => {
  const module = (await load<ModuleFactory>('prxy-values.ts'))({ models: ['test/a', 'test/b'] });
  assert.equal((await run(module, { request: { model: 'test/a' } })).error, undefined);
  const { error, answeredBy } = await run(module);
  assert.equal(answeredBy, 'only-models');
  assert.deepEqual(error, {
    allowed: ['test/a', 'test/b'],
    type: 'model_not_allowed',
    message: 'model "test/model" is not one of test/a, test/b',
    status: 403,
  });
});

test('enums are code', async () => {
  const module = await load('enums.ts');
  const short = (await run(module)).metadata;
  assert.deepEqual([short.get('enums.size'), short.get('enums.rank')], ['short', 'Low']);
  const long = (await run(module, { request: said('word '.repeat(9)) })).metadata;
  assert.deepEqual([long.get('enums.size'), long.get('enums.rank')], ['long', 'Higher']);
});

test('what only types leave no trace of', async () => {
  const { request } = await run(await load('satisfies.ts'), { request: { temperature: 1.8, topP: 0.5 } });
  assert.deepEqual([request.temperature, request.topP], [1, 0.5]);
});

test('an await outside of functions', async () => {
  const { request, metadata } = await run(await load('top-level-await.ts'));
  assert.deepEqual([request.system, metadata.get('top-level-await.bytes')], ['Be brief.', 9]);
});

test('private fields', async () => {
  const module = await load('private-fields.ts');
  await run(module);
  const { metadata } = await run(module);
  assert.deepEqual([metadata.get('calls'), metadata.get('calls.seen'), module.name], ['2 calls', 2, 'call-counter']);
});

test('migrations beside a module', async () => {
  const module = await load('notes/notes.ts');
  const storage = memoryStorage();
  const without = await run(module, { storage });
  assert.match(String(without.failures[0]?.error), /no table "notes"/);
  const files = await readMigrations(new URL('fixtures/modules/notes/migrations/', PACKAGE));
  const applied = await storage.db.migrate('notes', files);
  assert.deepEqual(applied, { applied: ['001_create', '002_pinned'], newer: [] });
  for (const note of ['note: milk', 'note: keys!']) await run(module, { storage, request: said(note) });
  const others = await run(module, { storage, request: said('notes?'), apiKey: { userId: 'other' } });
  assert.equal(textOf(others.response), 'none');
  const { response } = await run(module, { storage, request: said('notes?') });
  assert.equal(textOf(response), '* keys!\n- milk');
});

test('a cap holds under any concurrency, and is settled', async () => {
  const factory = await load<ModuleFactory<any>>('spend-cap.ts', 'default');
  const prices = { 'test/*': { input: 0, output: 10 } };
  // 100 tokens of output at the most are 0.001 dollars: 10 fit into a cent
  const module = factory({ perDay: 0.01, prices });
  const storage = memoryStorage();
  const waiting: Array<() => void> = [];
  const provider = async () => {
    await new Promise<void>((done) => waiting.push(done));
    return { ...(await run([])).response, usage: { inputTokens: 9, outputTokens: 50 } };
  };
  const all = Promise.all(Array.from({ length: 100 }, () => run(module, { storage, provider })));
  // nothing is settled before every request was decided on
  while (waiting.length < 10) await new Promise((done) => setImmediate(done));
  for (const done of waiting) done();
  const results = await all;
  const refused = results.filter(({ error }) => error);
  assert.equal(refused.length, 90);
  assert.deepEqual([refused[0]?.error?.type, refused[0]?.error?.status], ['cost_limit_per_day', 429]);
  const key = `spend-cap:local-user:${new Date().toISOString().slice(0, 10)}`;
  assert.equal(await storage.kv.get(key), '5000', 'what was not used is given back');
  storage.goDown('kv');
  const down = await run(module, { storage });
  assert.deepEqual([down.error?.status, down.answeredBy], [503, 'spend-cap']);
});

test('a cache answers the same, as one piece and as a stream, and nobody else', async () => {
  const module = (await load<ModuleFactory>('answer-cache.ts'))({ ttlSeconds: 60 });
  let now = Date.UTC(2026, 0, 31);
  const storage = memoryStorage({ now: () => now });
  const first = await run(module, { storage, request: said('why?') });
  const provider = () => assert.fail('the provider is not asked');
  const hit = await run(module, { storage, request: said('why?'), provider });
  assert.deepEqual(hit.response, first.response);
  const streamed = await run(module, { storage, request: { ...said('why?'), stream: true }, provider });
  assert.deepEqual(streamed.response, first.response);
  assert.ok(streamed.chunks.length > 4, 'it is replayed as a stream');
  for (const other of [{ apiKey: { userId: 'other' } }, { request: { ...said('why?'), model: 'test/other' } }]) {
    const missed = await run(module, { storage, request: said('why?'), ...other });
    assert.equal(missed.metadata.get('answer-cache.hit'), false);
  }
  now += 61_000;
  assert.equal((await run(module, { storage, request: said('why?') })).metadata.get('answer-cache.hit'), false);
});

test('the logger is called in both ways', async () => {
  const { logs } = await run(await load('logging.ts'), { request: { stream: true } });
  assert.deepEqual(logs, [
    { level: 'debug', message: 'a request for %s with %d messages', fields: {}, rest: ['test/model', 1] },
    { level: 'info', message: 'a request', fields: { user: 'local-user', model: 'test/model' }, rest: [] },
    { level: 'warn', message: 'the end', fields: { type: 'message_stop' }, rest: [] },
    {
      level: 'info',
      message: '',
      fields: { usage: { inputTokens: 10, outputTokens: 5 }, reason: 'end_turn' },
      rest: [],
    },
  ]);
});

test('the whole chain', async () => {
  const module = await load('usage-log.ts');
  const storage = memoryStorage();
  for (const model of ['test/a', 'test/b', 'test/b']) await run(module, { storage, request: { model } });
  const { response, failures } = await run(module, { storage, request: said('usage?') });
  assert.deepEqual(failures, []);
  const top = [
    { model: 'test/b', total: 30, calls: 2 },
    { model: 'test/a', total: 15, calls: 1 },
  ];
  assert.deepEqual(JSON.parse(textOf(response)), { models: 2, top });
  const { data } = await storage.db.from('usage_log').select('id, failed, detail').eq('model', 'test/a').single();
  assert.deepEqual([data?.failed, data?.detail], [false, { usage: { inputTokens: 10, outputTokens: 5 } }]);
  const total = await storage.db.from('usage_totals').select('last').eq('model', 'test/a').single();
  assert.deepEqual(total.data?.last, { id: data?.id });
});

test('plain JavaScript', async () => {
  const messages = ['a', 'b', 'c'].map((content) => ({ role: 'user' as const, content }));
  const { request } = await run(await load('plain.mjs'), { request: { messages } });
  assert.deepEqual(request.messages.map(({ content }) => content), ['b', 'c']);
});

test('a hook for each piece of a stream', async () => {
  const { response, chunks } = await run(await load('shout.ts'), { request: { stream: true } });
  assert.equal(textOf(response), '> HELLO!');
  assert.equal(chunks.at(-1)?.type, 'message_stop');
});

test('every place where a request has text', async () => {
  const mail = 'a@example.org';
  const request = testRequest({
    system: [{ type: 'text', text: mail }],
    messages: [
      { role: 'user', content: mail },
      { role: 'user', content: [{ type: 'tool_result', toolUseId: '1', content: [{ type: 'text', text: mail }] }] },
      { role: 'user', content: [{ type: 'document', source: { type: 'text', mediaType: 'text/plain', data: mail } }] },
    ],
  });
  const module = await load('redact.ts');
  const redacted = JSON.stringify((await run(module, { request })).request);
  assert.ok(!redacted.includes(mail), redacted);
  assert.equal(redacted.split('[mail]').length, 5);
  assert.equal((await run(module, { request: { system: mail } })).request.system, '[mail]');
});

test('hooks that throw are undone and passed over', async () => {
  const { request, response, metadata, failures, logs } = await run(await load('fails.ts'), { request: { stream: true } });
  assert.deepEqual([request.model, request.messages.length, textOf(response)], ['test/model', 1, 'Hello!']);
  assert.equal(metadata.get('fails.preFailed'), true);
  assert.deepEqual([...new Set(failures.map(({ hook }) => hook))], ['pre', 'stream', 'post']);
  assert.equal(logs.length, failures.length);
});

test('vectors', async () => {
  const module = await load('recall.ts');
  const storage = memoryStorage();
  const asked = async (content: string, userId = 'local-user') =>
    (await run(module, { storage, request: said(content), apiKey: { userId } })).metadata.get('recall.near');
  assert.equal(await asked('the weather today'), null);
  assert.equal(await asked('weather, the today'), 'the weather today');
  assert.equal(await asked('zzz'), null);
  assert.equal(await asked('the weather today', 'other'), null);
});

test('files', async () => {
  const storage = memoryStorage();
  const module = await load('archive.ts');
  await run(module, { storage });
  const { metadata } = await run(module, { storage });
  assert.equal(metadata.get('archive.files'), 2);
  assert.ok(Number(metadata.get('archive.bytes')) > 100);
});

test('every fixture was run', async () => {
  const files = await readdir(new URL('fixtures/modules/', PACKAGE), { withFileTypes: true });
  const modules = files.map((file) => (file.name === 'notes' ? 'notes/notes.ts' : file.name));
  assert.deepEqual([...seen].sort(), modules.filter((name) => name !== 'lib').sort());
});
