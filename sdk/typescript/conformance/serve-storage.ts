// The storage of tests, asked over lines of JSON: so the gateway's conformance kit, which is Rust, runs its cases
// against it. Only the public interface is called, with one storage for each case.

import { createInterface } from 'node:readline';

import { DbFailure } from '../src/testing/db/error.js';
import type { Json } from '../src/testing/db/json.js';
import { memoryStorage, StorageError, type MemoryStorage } from '../src/testing/index.js';
import { chainOf, type WireQuery } from './wire-query.js';
import { readJson, writeJson } from './wire-json.js';

interface Call {
  id: number;
  storage: number;
  operation: string;
  arguments: any[];
}

const storages = new Map<number, MemoryStorage>();
/** What was logged while a call was made: `set` swallows its errors, and only the log has them. */
let logged: unknown;

const operations: Record<string, (storage: MemoryStorage, ...rest: any[]) => Promise<unknown>> = {
  'kv.get': ({ kv }, key) => kv.get(key),
  'kv.set': ({ kv }, key, value, ttl, volatile) => kv.set(key, value, ttl ?? undefined, { volatile }),
  'kv.setNx': ({ kv }, key, value, ttl) => kv.setNx(key, value, ttl ?? 0),
  'kv.del': ({ kv }, key) => kv.del(key),
  'kv.ttl': ({ kv }, key) => kv.ttl(key),
  async 'kv.incr'({ kv }, key, by, ttl) {
    const done = kv.incr(key, by, ttl ?? undefined);
    // asked at once, before anybody else counts: past 2^53 only the text is exact
    const exact = kv.get(key);
    const sum = await done;
    return (await exact) ?? String(sum);
  },
  'kv.cas': ({ kv }, key, expected, value, ttl) => kv.cas(key, expected, value, ttl ?? undefined),
  'db.run': ({ db }, query: WireQuery) => Promise.resolve(chainOf(db, query)),
  'db.search': ({ db }, query: WireQuery, column, embedding, limit, minScore) => {
    const options = { limit: Number(limit), ...(minScore !== null && { minScore: Number(minScore) }) };
    return chainOf(db, query).vectorSearch(column, embedding.map(Number), options);
  },
  'db.raw': ({ db }, sql, parameters) => db.raw(sql, parameters),
  'db.migrate': ({ db }, module, files) => db.migrate(module, files),
  'blob.put': ({ blob }, key, content) => blob.put(key, Buffer.from(content, 'base64')),
  'blob.get': async ({ blob }, key) => (await blob.get(key))?.toString('base64') ?? null,
  'blob.delete': ({ blob }, key) => blob.delete(key),
  'blob.list': ({ blob }, prefix) => blob.list(prefix),
  health: (storage) => storage.health(),
  down: async (storage) => storage.goDown(),
  back: async (storage) => storage.comeBack(),
};

for await (const line of createInterface({ input: process.stdin })) answer(readJson(line) as never);

function answer(call: Call): void {
  if (call.operation === 'open') {
    const options = { logger: { warn: (fields: any) => (logged = fields.error) }, parseJson: readJson };
    const [maxKvBytes] = call.arguments;
    storages.set(call.storage, memoryStorage({ ...options, ...(maxKvBytes !== null && { maxKvBytes }) }));
    say(call.id, { done: null });
    return;
  }
  const storage = storages.get(call.storage);
  const operation = operations[call.operation];
  if (!storage || !operation) {
    say(call.id, { failed: { message: `no ${call.operation} of storage ${call.storage}` } });
    return;
  }
  logged = undefined;
  const done = operation(storage, ...call.arguments);
  // what is logged is logged before the first await
  const swallowed = logged;
  done.then(
    (value) => say(call.id, swallowed ? { failed: describe(swallowed) } : { done: value ?? null }),
    (error: unknown) => say(call.id, { failed: describe(error) }),
  );
}

function describe(error: unknown): Json {
  if (error instanceof DbFailure) return { ...error.toJSON(), status: error.status } as unknown as Json;
  if (error instanceof StorageError) return { message: error.message, kind: error.kind };
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

function say(id: number, answered: Record<string, unknown>): void {
  process.stdout.write(`${writeJson({ id, ...answered })}\n`);
}
