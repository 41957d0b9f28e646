// `URL` and `URLSearchParams`. The host takes addresses apart.

import { host } from 'penstock:host';

/** As forms encode a text. */
const encode = (text) =>
  encodeURIComponent(String(text).toWellFormed())
    .replace(/%20/g, '+')
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

function decode(text) {
  const bare = text.replace(/\+/g, ' ');
  try {
    return decodeURIComponent(bare);
  } catch {
    return host('percent.decode', bare);
  }
}

export class URLSearchParams {
  #list = [];
  #changed;
  constructor(init = '', changed) {
    this.#changed = changed;
    if (typeof init === 'string') this.#read(init);
    else if (typeof init?.[Symbol.iterator] === 'function') {
      for (const [name, value] of init) this.#list.push([String(name), String(value)]);
    } else for (const [name, value] of Object.entries(init ?? {})) this.#list.push([name, String(value)]);
  }
  #read(text) {
    for (const part of text.replace(/^\?/, '').split('&')) {
      if (part === '') continue;
      const [name, ...rest] = part.split('=');
      this.#list.push([decode(name), decode(rest.join('='))]);
    }
  }
  #tell() {
    this.#changed?.(this.toString());
  }
  get size() {
    return this.#list.length;
  }
  append(name, value) {
    this.#list.push([String(name), String(value)]);
    this.#tell();
  }
  delete(name, value) {
    this.#list = this.#list.filter(([own, found]) => own !== String(name) || (value !== undefined && found !== String(value)));
    this.#tell();
  }
  get(name) {
    return this.#list.find(([own]) => own === String(name))?.[1] ?? null;
  }
  getAll(name) {
    return this.#list.filter(([own]) => own === String(name)).map(([, value]) => value);
  }
  has(name, value) {
    return this.#list.some(([own, found]) => own === String(name) && (value === undefined || found === String(value)));
  }
  set(name, value) {
    const at = this.#list.findIndex(([own]) => own === String(name));
    if (at < 0) return this.append(name, value);
    this.#list[at][1] = String(value);
    this.#list = this.#list.filter(([own], index) => index <= at || own !== String(name));
    this.#tell();
  }
  sort() {
    this.#list.sort(([one], [other]) => (one < other ? -1 : Number(one > other)));
    this.#tell();
  }
  forEach(action, self) {
    for (const [name, value] of this) action.call(self, value, name, this);
  }
  *entries() {
    for (const pair of this.#list) yield [...pair];
  }
  *keys() {
    for (const [name] of this.#list) yield name;
  }
  *values() {
    for (const [, value] of this.#list) yield value;
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  toString() {
    return this.#list.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
  }
}

const PARTS = ['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];

export class URL {
  #parts;
  #params;
  constructor(address, base) {
    this.#take(host('url.parse', String(address), base === undefined ? null : String(base)));
  }
  #take(parts) {
    if (parts === null) throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' });
    this.#parts = JSON.parse(parts);
  }
  static canParse(address, base) {
    return host('url.parse', String(address), base === undefined ? null : String(base)) !== null;
  }
  static parse(address, base) {
    return URL.canParse(address, base) ? new URL(address, base) : null;
  }
  static {
    for (const part of PARTS) {
      Object.defineProperty(URL.prototype, part, {
        enumerable: true,
        configurable: true,
        get() {
          return this.#parts[part];
        },
        set(value) {
          this.#parts = JSON.parse(host('url.set', this.#parts.href, part, String(value)));
          if (part === 'search') this.#params = undefined;
        },
      });
    }
  }
  get href() {
    return this.#parts.href;
  }
  set href(address) {
    this.#take(host('url.parse', String(address), null));
    this.#params = undefined;
  }
  get origin() {
    return this.#parts.origin;
  }
  get searchParams() {
    const changed = (text) => (this.#parts = JSON.parse(host('url.set', this.#parts.href, 'search', text)));
    return (this.#params ??= new URLSearchParams(this.search, changed));
  }
  toString() {
    return this.href;
  }
  toJSON() {
    return this.href;
  }
}
