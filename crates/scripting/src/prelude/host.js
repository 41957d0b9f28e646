// The way to the host. `host` answers at once; `ask` gives a promise of the answer.

export const host = globalThis.__penstock;
delete globalThis.__penstock;

const waiting = new Map();
let last = 0;

/** A promise, and the number by which it can be called off. */
export function begin(operation, ...rest) {
  const id = ++last;
  let resolve, reject;
  const promise = new Promise((resolved, rejected) => ((resolve = resolved), (reject = rejected)));
  try {
    const answer = host(operation, id, ...rest);
    if (answer === undefined) waiting.set(id, { resolve, reject });
    else resolve(answer);
  } catch (error) {
    reject(error);
  }
  return { id, promise };
}

export const ask = (operation, ...rest) => begin(operation, ...rest).promise;

/** Nobody waits for this one any more. */
export function forget(id, reason) {
  const asked = waiting.get(id);
  if (waiting.delete(id)) asked.reject(reason);
}

/** The answer to what was asked: a value, or what went wrong. */
export function done(id, value, problem) {
  const asked = waiting.get(id);
  if (!waiting.delete(id)) return;
  if (problem === undefined) return asked.resolve(value);
  const { name, message, ...more } = JSON.parse(problem);
  asked.reject(Object.assign(name === 'TypeError' ? new TypeError(message) : new Error(message), { name }, more));
}
