// A request as scripts see it: each field crosses when it is first looked at, and goes back only if it was changed.

import { host } from 'penstock:host';

const { parse, stringify } = JSON;

const FIELDS = JSON.parse(host('request.fields'));

/** Whether a value still says what it said as `text`. */
function same(value, text) {
  const now = stringify(value);
  // the spelling of the host need not be that of this engine
  return now === text || now === stringify(parse(text));
}

/** The number that a property's name is, if it is one that an array has. */
function indexOf(key, length) {
  if (typeof key !== 'string') return -1;
  const index = key >>> 0;
  return index < length && String(index) === key ? index : -1;
}

/** A list of which each element crosses by itself. */
class LazyList {
  constructor(length, read) {
    this.read = read;
    this.length = length;
    this.texts = new Array(length);
    this.elements = new Array(length);
    this.origins = new Map();
    this.left = length;
    this.list = new Proxy(this.elements, this.traps());
  }

  load(index) {
    if (index < 0 || this.texts[index] !== undefined) return;
    const text = this.read(index);
    this.texts[index] = text;
    this.left -= 1;
    const value = (this.elements[index] = parse(text));
    if (typeof value === 'object' && value !== null) this.origins.set(value, index);
  }

  loadAll() {
    for (let index = 0; this.left > 0 && index < this.length; index++) this.load(index);
  }

  traps() {
    const lazy = this;
    const has = (key) => (lazy.left > 0 ? indexOf(key, lazy.length) : -1);
    return {
      get(elements, key) {
        lazy.load(has(key));
        return elements[key];
      },
      has(elements, key) {
        return key in elements || (has(key) >= 0 && lazy.texts[has(key)] === undefined);
      },
      set(elements, key, value) {
        if (key === 'length' && value < elements.length) lazy.loadAll();
        lazy.load(has(key));
        elements[key] = value;
        return true;
      },
      deleteProperty(elements, key) {
        lazy.loadAll();
        return delete elements[key];
      },
      defineProperty(elements, key, descriptor) {
        lazy.load(has(key));
        return Reflect.defineProperty(elements, key, descriptor);
      },
      ownKeys(elements) {
        lazy.loadAll();
        return Reflect.ownKeys(elements);
      },
      getOwnPropertyDescriptor(elements, key) {
        lazy.load(has(key));
        return Reflect.getOwnPropertyDescriptor(elements, key);
      },
    };
  }

  /** What `list` is made of: the number of an element that is as it was, else its value and what it was made from. */
  parts(list) {
    const own = list === this.list;
    const elements = own ? this.elements : list;
    // the usual case: somebody asked how many there are
    if (own && this.left === this.length && elements.length === this.length) return undefined;
    const parts = [];
    let isChanged = elements.length !== this.length;
    for (let at = 0; at < elements.length; at++) {
      if (own && this.left > 0 && at < this.length && this.texts[at] === undefined) {
        parts.push(at);
        continue;
      }
      const value = elements[at];
      const from = this.origins.get(value);
      isChanged ||= from !== at;
      if (from !== undefined && same(value, this.texts[from])) {
        parts.push(from);
        continue;
      }
      isChanged = true;
      const text = stringify(value);
      parts.push(`{"from":${from ?? null},"value":${text === undefined ? 'null' : text}}`);
    }
    return isChanged ? `{"parts":[${parts.join(',')}]}` : undefined;
  }
}

/** An object whose fields cross one by one. */
export class LazyObject {
  constructor(fields, read) {
    this.read = read;
    this.fields = fields;
    this.texts = new Map();
    this.seen = new Set();
    this.values = {};
    this.lists = new Map();
    this.object = new Proxy(this.values, this.traps());
  }

  load(name) {
    if (typeof name !== 'string' || this.seen.has(name) || !this.fields.includes(name)) return;
    this.seen.add(name);
    const value = this.read(name);
    if (typeof value === 'number') {
      const lazy = new LazyList(value, (index) => host('request.message', this.call, index));
      this.lists.set(name, lazy);
      this.values[name] = lazy.list;
    } else if (value !== null) {
      this.texts.set(name, value);
      this.values[name] = parse(value);
    }
  }

  traps() {
    const lazy = this;
    return {
      get(values, name) {
        lazy.load(name);
        return values[name];
      },
      has(values, name) {
        lazy.load(name);
        return name in values;
      },
      set(values, name, value) {
        lazy.load(name);
        values[name] = value;
        return true;
      },
      deleteProperty(values, name) {
        lazy.load(name);
        return delete values[name];
      },
      defineProperty(values, name, descriptor) {
        lazy.load(name);
        return Reflect.defineProperty(values, name, descriptor);
      },
      ownKeys(values) {
        for (const name of lazy.fields) lazy.load(name);
        return Reflect.ownKeys(values);
      },
      getOwnPropertyDescriptor(values, name) {
        lazy.load(name);
        return Reflect.getOwnPropertyDescriptor(values, name);
      },
    };
  }

  /** The fields of `object` that are not as they were, as JSON; nothing if all are. */
  changes(object) {
    const own = object === this.object;
    const now = own ? this.values : object;
    const changed = [];
    const names = own ? this.seen : new Set([...this.fields, ...Object.keys(now)]);
    if (own) for (const name of Object.keys(now)) names.add(name);
    for (const name of names) {
      this.load(own ? undefined : name);
      const edit = this.change(name, now[name]);
      if (edit !== undefined) changed.push(`${stringify(name)}:${edit}`);
    }
    return changed.length > 0 ? `{${changed.join(',')}}` : undefined;
  }

  change(name, value) {
    const lazy = this.lists.get(name);
    if (lazy !== undefined && Array.isArray(value)) return lazy.parts(value);
    const text = this.texts.get(name);
    if (value === undefined || value === null) {
      return text === undefined && lazy === undefined ? undefined : '{"removed":true}';
    }
    if (text !== undefined && same(value, text)) return undefined;
    const json = stringify(value);
    return json === undefined ? '{"removed":true}' : `{"value":${json}}`;
  }
}

/** The request of a call. */
export function requestOf(call) {
  const lazy = new LazyObject(FIELDS, (name) =>
    name === 'messages' ? host('request.messages', call) : host('request.field', call, name));
  lazy.call = call;
  return lazy;
}

const RESPONSE_FIELDS = ['id', 'model', 'role', 'content', 'stopReason', 'stopSequence', 'usage', 'extensions'];

/** The answer of a call. Changes of it go nowhere. */
export function responseOf(call) {
  return new LazyObject(RESPONSE_FIELDS, (name) => host('response.field', call, name)).object;
}
