// `crypto`, and `node:crypto` as far as modules use it.

import { host } from 'penstock:host';
import { Buffer, bytesOf } from 'penstock:buffer';

const NAMES = { sha256: 'sha256', 'sha-256': 'sha256', sha1: 'sha1', 'sha-1': 'sha1', sha512: 'sha512', 'sha-512': 'sha512', sha384: 'sha384', 'sha-384': 'sha384', md5: 'md5' };

function algorithmOf(name) {
  const algorithm = NAMES[String(name?.name ?? name).toLowerCase()];
  if (algorithm === undefined) {
    throw new TypeError(`expected sha256, sha384, sha512, sha1 or md5, found ${String(name?.name ?? name)}`);
  }
  return algorithm;
}

const bytes = (data, encoding) => {
  const found = typeof data === 'string' ? Buffer.from(data, encoding) : bytesOf(data);
  if (found === undefined) throw new TypeError(`expected a text or bytes, found ${data === null ? 'null' : typeof data}`);
  return found;
};

class Hash {
  #algorithm;
  #parts = [];
  constructor(algorithm) {
    this.#algorithm = algorithm;
  }
  update(data, encoding) {
    if (this.#parts === undefined) throw new Error('the digest has been taken already');
    // what is hashed is what is there now
    this.#parts.push(typeof data === 'string' ? bytes(data, encoding) : bytes(data).slice());
    return this;
  }
  digest(encoding) {
    if (this.#parts === undefined) throw new Error('the digest has been taken already');
    const digest = Buffer.from(host('hash', this.#algorithm, Buffer.concat(this.#parts)).buffer);
    this.#parts = undefined;
    return encoding === undefined || encoding === 'buffer' ? digest : digest.toString(encoding);
  }
  copy() {
    const other = new Hash(this.#algorithm);
    for (const part of this.#parts) other.update(part);
    return other;
  }
}

export const createHash = (name) => new Hash(algorithmOf(name));
export const getHashes = () => [...new Set(Object.values(NAMES))];
export const randomUUID = () => host('uuid');
export const randomBytes = (size) => Buffer.from(host('random', size).buffer);

export function randomInt(low, high) {
  const [from, to] = high === undefined ? [0, low] : [low, high];
  const range = to - from;
  if (!(range > 0 && range <= 2 ** 48)) throw new RangeError('expected a range of 1 to 2^48 numbers');
  const most = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    const drawn = randomBytes(6).reduce((sum, byte) => sum * 256 + byte, 0);
    if (drawn < most) return from + (drawn % range);
  }
}

export function timingSafeEqual(one, other) {
  const [left, right] = [bytes(one), bytes(other)];
  if (left.length !== right.length) throw new RangeError('expected two values of the same length');
  return left.reduce((difference, byte, at) => difference | (byte ^ right[at]), 0) === 0;
}

function getRandomValues(array) {
  const view = bytesOf(array);
  if (view === undefined) throw new TypeError('expected an array of whole numbers');
  if (view.length > 65_536) throw new DOMException('expected at most 65536 bytes', 'QuotaExceededError');
  view.set(host('random', view.length));
  return array;
}

const subtle = {
  async digest(name, data) {
    return host('hash', algorithmOf(name), bytes(data)).buffer;
  },
};

export const webcrypto = { randomUUID, getRandomValues, subtle };
export { getRandomValues, subtle };
