// What of the storage for tests the conformance cases do not reach: its clock, its log, its outages, its refusals.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { memoryStorage, StorageError, type Part } from '../src/testing/index.js';

function quiet() {
  const lines: object[] = [];
  return { lines, logger: { warn: (fields: object | string) => void lines.push(Object(fields)) } };
}

test('lifetimes go by the clock of the test', async () => {
  let now = 1_000_000;
  const { kv } = memoryStorage({ now: () => now });
  await kv.set('key', 7, 10);
  assert.deepEqual([await kv.get('key'), await kv.ttl('key')], ['7', 10]);
  now += 9_001;
  assert.equal(await kv.ttl('key'), 1);
  now += 999;
  assert.deepEqual([await kv.get('key'), await kv.ttl('key')], [null, -2]);
});

test('a lifetime that is none is logged, and nothing is written', async () => {
  const { lines, logger } = quiet();
  const { kv } = memoryStorage({ logger });
  await kv.set('key', 'old');
  await kv.set('key', 'new', Number.NaN);
  assert.equal(await kv.setNx('lock', 'x', Infinity), false);
  assert.deepEqual([await kv.get('key'), await kv.get('lock'), lines.length], ['old', null, 2]);
});

test('keys that are none are refused by every operation', async () => {
  const { kv, blob } = memoryStorage();
  for (const key of ['', 'x'.repeat(1_025), 'ä'.repeat(513)]) {
    const calls = [kv.get(key), kv.set(key, ''), kv.setNx(key, '', 1), kv.del(key), kv.ttl(key), kv.incr(key)];
    for (const call of [...calls, kv.cas(key, null, '')]) {
      await assert.rejects(call, (error) => error instanceof StorageError && error.kind === 'invalid');
    }
  }
  for (const key of ['', '/a', 'a//b', 'a/../b', 'a\\b', 'a\nb', 'a b']) {
    for (const call of [blob.put(key, ''), blob.get(key), blob.delete(key)]) {
      await assert.rejects(call, (error) => error instanceof StorageError && error.kind === 'invalid', key);
    }
  }
  await blob.put('a../ü/1.json', 'x');
  for (const prefix of ['/', '../', 'a//']) await assert.rejects(blob.list(prefix), StorageError);
  assert.deepEqual(await blob.list('a../ü'), ['a../ü/1.json']);
});

test('bytes belong to who wrote them', async () => {
  const { blob } = memoryStorage();
  const bytes = Buffer.from('abc');
  await blob.put('file', bytes);
  bytes.fill(0);
  (await blob.get('file'))?.fill(0);
  assert.equal((await blob.get('file'))?.toString(), 'abc');
});

test('a chain never throws: what is wrong is told at its end, the first of it', async () => {
  const { db } = memoryStorage();
  const wrong: any[] = [
    db.from('a b').select(),
    db.from('t').select('count(*)'),
    db.from('t').insert([1] as never),
    db.from('t').update([] as never),
    db.from('t').upsert({}, { onConflict: 'a-b' }),
    db.from('t').select().eq('a.b', 1),
    db.from('t').select().filter('a', 'resembles' as never, 1),
    db.from('t').select().or('a.eq'),
    db.from('t').select().or(''),
    db.from('t').select().match(1 as never),
    db.from('t').select().limit(-1),
    db.from('t').select().range(0.5, 1),
    db.from('t').select().order('a;'),
  ];
  for (const [at, chain] of wrong.entries()) {
    const { data, error, count, status, statusText } = await chain.eq('x y', 1);
    assert.deepEqual([data, error?.code, count, status, statusText], [null, 'PS002', null, 400, 'Bad Request'], `${at}`);
  }
  const [first] = [await db.from('a b').select().eq('c d', 1)];
  assert.match(first.error?.message ?? '', /"a b"/);
  await assert.rejects(db.from('t').select('a b').vectorSearch('v', [1]), { code: 'PS002' });
});

test('a chain runs once, however often it is awaited', async () => {
  const { db } = memoryStorage();
  await db.raw('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const chain = db.from('t').insert({});
  await chain;
  await chain;
  assert.deepEqual(await db.raw('SELECT count(*) AS n FROM t'), [{ n: 1 }]);
});

test('values of JavaScript are what their columns make of them', async () => {
  const { db } = memoryStorage();
  await db.raw('CREATE TABLE t (id TEXT PRIMARY KEY, at TIMESTAMP, bytes BLOB, v VECTOR(2), j JSON, n INTEGER)');
  const row = {
    id: 'a',
    at: new Date('2026-01-31T12:00:00.250Z'),
    bytes: Buffer.from([1, 2]),
    v: new Float32Array([0.5, 1]),
    j: { at: new Date(0), left: undefined, not: Number.NaN },
    n: 2n ** 60n,
  };
  const { data, error } = await db.from('t').insert(row).select().single();
  assert.equal(error, null);
  assert.deepEqual(data, {
    id: 'a',
    at: '2026-01-31 12:00:00.25',
    bytes: 'AQI=',
    v: [0.5, 1],
    j: { at: '1970-01-01T00:00:00.000Z', not: null },
    n: '1152921504606846976',
  });
});

test('times of every spelling, and none that there is not', async () => {
  const { db } = memoryStorage();
  await db.raw('CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP)');
  const cases: Array<[string, string | undefined]> = [
    ['2026-01-31', '2026-01-31 00:00:00'],
    ['2026-01-31T23:30:00-01:00', '2026-02-01 00:30:00'],
    ['2026-01-31 12:00:00+0530', '2026-01-31 06:30:00'],
    ['2026-01-31 12:00:00+02', '2026-01-31 10:00:00'],
    ['2026-02-30', undefined],
    ['2026-01-31T25:00:00Z', undefined],
    ['31.1.2026', undefined],
  ];
  for (const [given, expected] of cases) {
    const { data, error } = await db.from('t').insert({ at: given }).select('at').maybeSingle();
    assert.deepEqual([data?.at, error?.code], expected === undefined ? [undefined, '22P02'] : [expected, undefined], given);
  }
});

test('each part goes down alone, and health tells which, since when and why', async () => {
  let now = 5_000;
  const storage = memoryStorage({ now: () => now });
  assert.equal((await storage.health()).ok, true);
  for (const part of ['kv', 'db', 'blob'] satisfies Part[]) {
    storage.goDown(part, 'the cable was pulled');
    now += 1_000;
    const { ok, details } = await storage.health();
    assert.deepEqual([ok, details?.[part]], [false, { ok: false, since: now - 1_000, why: 'the cable was pulled' }]);
    const others = Object.entries(details ?? {}).filter(([name]) => name !== part);
    assert.ok(others.every(([, state]) => (state as { ok: boolean }).ok));
    storage.comeBack(part);
  }
  storage.goDown();
  await assert.rejects(storage.kv.incr('a'), { kind: 'unavailable' });
  await assert.rejects(storage.db.raw('SELECT 1'), { code: '08006' });
  await assert.rejects(storage.blob.put('a', ''), { kind: 'unavailable' });
  storage.comeBack();
  assert.deepEqual(await storage.db.raw('SELECT 1 AS one'), [{ one: 1 }]);
  await storage.close();
});
