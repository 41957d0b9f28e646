// `fetch`. Which hosts it may ask is the host's to say.

import { begin, forget } from 'penstock:host';
import { Buffer, bytesOf } from 'penstock:buffer';
import { URLSearchParams } from 'penstock:url';

export class Headers {
  #list = new Map();
  constructor(init = {}) {
    const pairs = typeof init?.[Symbol.iterator] === 'function' ? init : Object.entries(init ?? {});
    for (const [name, value] of pairs) this.append(name, value);
  }
  append(name, value) {
    const known = this.get(name);
    this.set(name, known === null ? value : `${known}, ${value}`);
  }
  set(name, value) {
    const key = String(name).toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(key)) throw new TypeError(`expected the name of a header, found ${JSON.stringify(key)}`);
    this.#list.set(key, String(value).trim());
  }
  get(name) {
    return this.#list.get(String(name).toLowerCase()) ?? null;
  }
  has(name) {
    return this.#list.has(String(name).toLowerCase());
  }
  delete(name) {
    this.#list.delete(String(name).toLowerCase());
  }
  forEach(action, self) {
    for (const [name, value] of this) action.call(self, value, name, this);
  }
  entries() {
    return [...this.#list].sort(([one], [other]) => (one < other ? -1 : 1)).values();
  }
  *keys() {
    for (const [name] of this) yield name;
  }
  *values() {
    for (const [, value] of this) yield value;
  }
  [Symbol.iterator]() {
    return this.entries();
  }
}

/** The bytes of a body, and the type that they have by themselves. */
function bodyOf(body) {
  if (body === undefined || body === null) return [null, undefined];
  if (body instanceof URLSearchParams) {
    return [Buffer.from(String(body)), 'application/x-www-form-urlencoded;charset=UTF-8'];
  }
  const bytes = bytesOf(body);
  return bytes ? [bytes, undefined] : [Buffer.from(String(body)), 'text/plain;charset=UTF-8'];
}

class Body {
  #bytes;
  bodyUsed = false;
  constructor(bytes) {
    this.#bytes = bytes;
  }
  #take() {
    if (this.bodyUsed) throw new TypeError('the body has been read already');
    this.bodyUsed = true;
    return Buffer.from(this.#bytes ?? []);
  }
  async text() {
    return this.#take().toString().replace(/^\uFEFF/, '');
  }
  async json() {
    return JSON.parse(await this.text());
  }
  async bytes() {
    return new Uint8Array(this.#take());
  }
  async arrayBuffer() {
    return (await this.bytes()).buffer;
  }
  /** For those of the same kind alone. */
  static bytesIn(body) {
    return body.#bytes;
  }
}

export class Response extends Body {
  constructor(body, { status = 200, statusText = '', headers, url = '', redirected = false } = {}) {
    const [bytes, type] = bodyOf(body);
    super(bytes);
    this.headers = new Headers(headers);
    if (type && !this.headers.has('content-type')) this.headers.set('content-type', type);
    Object.assign(this, { status, statusText, url, redirected, ok: status >= 200 && status < 300, type: 'default' });
  }
  static json(value, init = {}) {
    const headers = new Headers(init.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(JSON.stringify(value), { ...init, headers });
  }
  clone() {
    if (this.bodyUsed) throw new TypeError('the body has been read already');
    return new Response(Body.bytesIn(this), this);
  }
}

export class Request extends Body {
  constructor(input, init = {}) {
    const from = input instanceof Request ? input : {};
    const [bytes, type] = init.body === undefined && input instanceof Request ? [Body.bytesIn(input)] : bodyOf(init.body);
    super(bytes);
    this.url = input instanceof Request ? input.url : String(input?.href ?? input);
    this.method = String(init.method ?? from.method ?? 'GET').toUpperCase();
    this.headers = new Headers(init.headers ?? from.headers);
    if (type && !this.headers.has('content-type')) this.headers.set('content-type', type);
    this.signal = init.signal ?? from.signal;
    this.redirect = init.redirect ?? from.redirect ?? 'follow';
  }
}

export async function fetch(input, init) {
  const request = new Request(input, init);
  const { url, method, redirect, signal } = request;
  signal?.throwIfAborted();
  const asked = JSON.stringify({ url, method, redirect, headers: [...request.headers] });
  const { id, promise } = begin('fetch', asked, Body.bytesIn(request));
  signal?.addEventListener('abort', () => forget(id, signal.reason), { once: true });
  const answer = await promise;
  // the head, how long it is, and the body
  const view = new DataView(answer.buffer, answer.byteOffset);
  const length = view.getUint32(0);
  const head = JSON.parse(Buffer.from(answer.buffer, 4, length).toString());
  return new Response(answer.subarray(4 + length), head);
}
