// `TextEncoder` and `TextDecoder`.

import { host } from 'penstock:host';
import { bytesOf } from 'penstock:buffer';

export class TextEncoder {
  get encoding() {
    return 'utf-8';
  }
  encode(text = '') {
    return host('text.bytes', String(text), 'utf8');
  }
  encodeInto(text, target) {
    let [read, written] = [0, 0];
    for (const character of String(text)) {
      const bytes = this.encode(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      read += character.length;
      written += bytes.length;
    }
    return { read, written };
  }
}

const LABELS = { 'utf-8': 'utf8', utf8: 'utf8', 'unicode-1-1-utf-8': 'utf8', 'utf-16le': 'utf16le', 'utf-16': 'utf16le' };

export class TextDecoder {
  #encoding;
  #kept = new Uint8Array(0);
  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    this.#encoding = LABELS[String(label).trim().toLowerCase()];
    if (this.#encoding === undefined) throw new RangeError(`expected utf-8 or utf-16le, found ${label}`);
    Object.assign(this, { fatal, ignoreBOM });
  }
  get encoding() {
    return this.#encoding === 'utf8' ? 'utf-8' : 'utf-16le';
  }
  decode(input, { stream = false } = {}) {
    const more = input === undefined ? new Uint8Array(0) : bytesOf(input);
    if (more === undefined) throw new TypeError('expected bytes to decode');
    const bytes = new Uint8Array(this.#kept.length + more.length);
    bytes.set(this.#kept);
    bytes.set(more, this.#kept.length);
    const whole = stream ? bytes.length - this.#begun(bytes) : bytes.length;
    this.#kept = bytes.slice(whole);
    const text = host('bytes.decode', bytes.subarray(0, whole), this.#encoding, this.fatal);
    return text.startsWith('\uFEFF') && !this.ignoreBOM ? text.slice(1) : text;
  }
  /** How many bytes at the end begin a character whose rest is not there. */
  #begun(bytes) {
    if (this.#encoding === 'utf16le') return bytes.length % 2;
    for (let back = 1; back <= Math.min(3, bytes.length); back++) {
      const byte = bytes[bytes.length - back];
      if ((byte & 0xc0) === 0x80) continue;
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
      return length > back ? back : 0;
    }
    return 0;
  }
}
