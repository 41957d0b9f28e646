// Timers. They fire between stretches of work, never within one.

import { host } from 'penstock:host';

const timers = new Map();
let last = 0;

/** What `setTimeout` gives, as in Node. */
class Timer {
  constructor(id) {
    this.id = id;
  }
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  hasRef() {
    return true;
  }
  [Symbol.toPrimitive]() {
    return this.id;
  }
}

// longer ones would be over at once in Node
const LONGEST = 2 ** 31 - 1;

function start(action, wait, rest, isRepeated) {
  if (typeof action !== 'function') throw new TypeError(`expected a function to call, found ${typeof action}`);
  const milliseconds = wait >= 1 && wait <= LONGEST ? Number(wait) : 1;
  const id = ++last;
  timers.set(id, { action, rest, milliseconds, isRepeated });
  host('timer', id, milliseconds, isRepeated);
  return new Timer(id);
}

function stop(timer) {
  const id = Number(timer?.id ?? timer);
  if (timers.delete(id)) host('untimer', id);
}

export const setTimeout = (action, wait, ...rest) => start(action, wait, rest, false);
export const setInterval = (action, wait, ...rest) => start(action, wait, rest, true);
export const setImmediate = (action, ...rest) => start(action, 0, rest, false);
export const clearTimeout = stop;
export const clearInterval = stop;
export const clearImmediate = stop;

/** The time of one is over. */
export function fire(id) {
  const timer = timers.get(id);
  if (timer === undefined) return;
  if (timer.isRepeated) host('timer', id, timer.milliseconds, true);
  else timers.delete(id);
  timer.action(...timer.rest);
}
