// `Buffer`: as much of Node's as modules use.

import { host } from 'penstock:host';

const SAME = { utf8: 'utf8', 'utf-8': 'utf8', hex: 'hex', base64: 'base64', base64url: 'base64url', latin1: 'latin1', binary: 'latin1', ascii: 'latin1', utf16le: 'utf16le', 'utf-16le': 'utf16le', ucs2: 'utf16le' };

function encodingOf(name = 'utf8') {
  const encoding = SAME[String(name).toLowerCase()];
  if (encoding === undefined) throw new TypeError(`expected an encoding such as utf8, hex or base64, found ${name}`);
  return encoding;
}

/** The bytes that a value holds, not copied; nothing if it holds none. */
export function bytesOf(value) {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

export class Buffer extends Uint8Array {
  static from(value, second, third) {
    if (typeof value === 'string') return Buffer.#of(host('text.bytes', value, encodingOf(second)));
    if (value instanceof ArrayBuffer) return new Buffer(value, second, third);
    if (value?.type === 'Buffer' && Array.isArray(value.data)) return Buffer.#copy(value.data);
    if (bytesOf(value) || Array.isArray(value)) return Buffer.#copy(value);
    throw new TypeError(`Buffer.from: expected a text, bytes or an array, found ${value === null ? 'null' : typeof value}`);
  }
  static #of(bytes) {
    return new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  static #copy(bytes) {
    const copy = new Buffer(bytes.length);
    copy.set(bytes);
    return copy;
  }
  static of(...bytes) {
    return Buffer.#copy(bytes);
  }
  static alloc(size, fill, encoding) {
    const buffer = new Buffer(size);
    return fill === undefined ? buffer : buffer.fill(fill, 0, size, encoding);
  }
  static allocUnsafe(size) {
    return new Buffer(size);
  }
  static isBuffer(value) {
    return value instanceof Buffer;
  }
  static isEncoding(name) {
    return Object.hasOwn(SAME, String(name).toLowerCase());
  }
  static byteLength(value, encoding) {
    return typeof value === 'string' ? Buffer.from(value, encoding).length : value.byteLength;
  }
  static concat(list, total = list.reduce((sum, part) => sum + part.length, 0)) {
    const whole = new Buffer(total);
    let at = 0;
    for (const part of list) {
      if (at >= total) break;
      whole.set(part.subarray(0, total - at), at);
      at += part.length;
    }
    return whole;
  }
  static compare(one, other) {
    for (let at = 0; at < Math.min(one.length, other.length); at++) {
      if (one[at] !== other[at]) return one[at] < other[at] ? -1 : 1;
    }
    return Math.sign(one.length - other.length);
  }

  toString(encoding, start = 0, end = this.length) {
    return host('bytes.text', this.subarray(start, end), encodingOf(encoding));
  }
  toJSON() {
    return { type: 'Buffer', data: Array.from(this) };
  }
  equals(other) {
    return Buffer.compare(this, other) === 0;
  }
  compare(other) {
    return Buffer.compare(this, other);
  }
  subarray(start, end) {
    const part = super.subarray(start, end);
    return new Buffer(part.buffer, part.byteOffset, part.byteLength);
  }
  slice(start, end) {
    return this.subarray(start, end);
  }
  copy(target, at = 0, start = 0, end = this.length) {
    const part = this.subarray(start, Math.min(end, start + target.length - at));
    target.set(part, at);
    return part.length;
  }
  write(text, at = 0, length, encoding) {
    const [count, name] = typeof length === 'string' ? [undefined, length] : [length, encoding];
    const bytes = Buffer.from(text, typeof at === 'string' ? at : name).subarray(0, count);
    return bytes.copy(this, typeof at === 'string' ? 0 : at);
  }
  fill(value, start = 0, end = this.length, encoding) {
    if (typeof value === 'number') return super.fill(value, start, end);
    const pattern = typeof value === 'string' ? Buffer.from(value, encoding) : value;
    for (let at = start; at < end && pattern.length > 0; at++) this[at] = pattern[(at - start) % pattern.length];
    return this;
  }
  indexOf(value, start = 0, encoding) {
    if (typeof value === 'number') return super.indexOf(value & 255, start);
    const wanted = typeof value === 'string' ? Buffer.from(value, encoding) : value;
    for (let at = start; at <= this.length - wanted.length; at++) {
      if (wanted.every((byte, index) => this[at + index] === byte)) return at;
    }
    return -1;
  }
  includes(value, start, encoding) {
    return this.indexOf(value, start, encoding) >= 0;
  }
}

// numbers, as `DataView` reads and writes them
for (const [name, method, size] of [
  ['UInt8', 'Uint8', 1], ['Int8', 'Int8', 1], ['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2], ['UInt32', 'Uint32', 4],
  ['Int32', 'Int32', 4], ['Float', 'Float32', 4], ['Double', 'Float64', 8], ['BigUInt64', 'BigUint64', 8],
  ['BigInt64', 'BigInt64', 8],
]) {
  for (const [order, isLittle] of size === 1 ? [['', true]] : [['LE', true], ['BE', false]]) {
    const view = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    Buffer.prototype[`read${name}${order}`] = function (at = 0) {
      return view(this)[`get${method}`](at, isLittle);
    };
    Buffer.prototype[`write${name}${order}`] = function (value, at = 0) {
      view(this)[`set${method}`](at, value, isLittle);
      return at + size;
    };
  }
}

/** Base64 of a text whose characters are bytes. */
export function btoa(text) {
  const binary = String(text);
  if (/[^\0-\xff]/.test(binary)) throw new DOMException('a character is beyond the range of bytes', 'InvalidCharacterError');
  return Buffer.from(binary, 'latin1').toString('base64');
}

/** The opposite. */
export function atob(text) {
  const bare = String(text).replace(/[\t\n\f\r ]/g, '').replace(/={1,2}$/, '');
  if (/[^A-Za-z0-9+/]/.test(bare) || bare.length % 4 === 1) {
    throw new DOMException('the text is not base64', 'InvalidCharacterError');
  }
  return Buffer.from(bare, 'base64').toString('latin1');
}
