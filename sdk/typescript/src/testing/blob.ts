// Files in memory.

import type { BlobContent, BlobStore } from '../index.js';
import { StorageError } from './errors.js';
import type { Outage } from './outage.js';

/** The longest key, in bytes. */
const KEY_LIMIT = 1_024;
const ALLOWED = /^[\p{Alphabetic}\p{N}._~+=@,-]$/u;

/** A {@link BlobStore} that is gone with the test. */
export class MemoryBlob implements BlobStore {
  readonly #files = new Map<string, BlobContent>();
  readonly #outage: Outage;

  constructor(outage: Outage) {
    this.#outage = outage;
  }

  async put(key: string, content: Uint8Array | string): Promise<void> {
    checkKey(key);
    this.#outage.refuse('blob', 'blob.put');
    // a copy: what the caller does to its bytes afterwards is none of ours
    this.#files.set(key, Buffer.from(content as Uint8Array));
  }

  async get(key: string): Promise<BlobContent | null> {
    checkKey(key);
    const found = this.#outage.of('blob') ? undefined : this.#files.get(key);
    return found ? Buffer.from(found) : null;
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    if (!this.#outage.of('blob')) this.#files.delete(key);
  }

  async list(prefix = ''): Promise<string[]> {
    checkPrefix(prefix);
    if (this.#outage.of('blob')) return [];
    const found = [...this.#files.keys()].filter((key) => key.startsWith(prefix));
    return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }
}

function checkKey(key: string): void {
  const found = problem(key);
  if (found) throw new StorageError('invalid', `blob: key: ${found}`);
}

// what could be cut off a key anywhere: `a/` and `a/.` begin keys although they are none
function checkPrefix(prefix: string): void {
  const at = prefix.lastIndexOf('/');
  const folder = at < 0 ? undefined : problem(prefix.slice(0, at));
  const found = folder ?? badLetter(prefix.slice(at + 1)) ?? tooLong(prefix);
  if (found) throw new StorageError('invalid', `blob: prefix: ${found}`);
}

function problem(name: string): string | undefined {
  if (name === '') return `expected 1 to ${KEY_LIMIT} bytes, found 0`;
  const long = tooLong(name);
  if (long) return long;
  if (name.startsWith('/')) return "expected a key relative to the store, found a '/' at its start";
  for (const segment of name.split('/')) {
    if (segment === '') return "expected names between '/', found an empty one";
    if (segment === '.' || segment === '..') return `expected names between '/', found '${segment}'`;
    const bad = badLetter(segment);
    if (bad) return bad;
  }
  return undefined;
}

function badLetter(segment: string): string | undefined {
  const bad = [...segment].find((letter) => !ALLOWED.test(letter));
  if (bad === undefined) return undefined;
  const number = bad.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
  return `expected letters, digits and . _ ~ + = @ , - in a key, found U+${number}`;
}

function tooLong(name: string): string | undefined {
  const length = Buffer.byteLength(name);
  return length > KEY_LIMIT ? `expected 1 to ${KEY_LIMIT} bytes, found ${length}` : undefined;
}
