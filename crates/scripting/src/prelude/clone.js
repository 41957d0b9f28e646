// `structuredClone`.

const refuse = (what) => {
  throw new DOMException(`${what} cannot be cloned`, 'DataCloneError');
};

export function structuredClone(value) {
  return copy(value, new Map());
}

function copy(value, known) {
  if (typeof value === 'function') refuse(`function ${value.name || 'anonymous'}`);
  if (typeof value === 'symbol') refuse('a symbol');
  if (typeof value !== 'object' || value === null) return value;
  if (known.has(value)) return known.get(value);
  const note = (made) => {
    known.set(value, made);
    return made;
  };
  if (Array.isArray(value)) {
    const list = note(new Array(value.length));
    for (const key of Object.keys(value)) list[key] = copy(value[key], known);
    return list;
  }
  if (value instanceof Date) return note(new Date(value.getTime()));
  if (value instanceof RegExp) return note(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return note(value.slice(0));
  if (value instanceof DataView) return note(new DataView(copy(value.buffer, known), value.byteOffset, value.byteLength));
  if (ArrayBuffer.isView(value)) return note(Uint8Array.prototype.slice.call(value));
  if (value instanceof Map) {
    const map = note(new Map());
    for (const [key, part] of value) map.set(copy(key, known), copy(part, known));
    return map;
  }
  if (value instanceof Set) {
    const set = note(new Set());
    for (const part of value) set.add(copy(part, known));
    return set;
  }
  if (value instanceof Error) {
    const error = note(Object.create(Object.getPrototypeOf(value)));
    for (const key of ['name', 'message', 'stack', 'cause']) {
      if (Object.hasOwn(value, key)) {
        const part = { value: copy(value[key], known), writable: true, configurable: true };
        Object.defineProperty(error, key, part);
      }
    }
    return error;
  }
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof Promise) refuse('such an object');
  const object = note({});
  for (const key of Object.keys(value)) object[key] = copy(value[key], known);
  return object;
}
