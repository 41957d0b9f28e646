// The entries that the host calls, and the modules that it calls through them.

import { done, host } from 'penstock:host';
import { contextOf } from 'penstock:context';
import { describe, exportsOf } from 'penstock:exports';
import { storageOf } from 'penstock:storage';
import { fire } from 'penstock:timers';
import 'penstock:globals';

export { done, fire };

const { stringify } = JSON;
const instances = [];
let namespace;

/** What a value says that was thrown. */
function problemOf(error) {
  if (error === null || typeof error !== 'object') {
    return { message: `it threw ${typeof error === 'string' ? error : String(error)}`, stack: '' };
  }
  if (!(error instanceof Error) && !(error instanceof DOMException)) {
    let text;
    try {
      text = stringify(error);
    } catch {}
    return { message: `it threw ${text ?? 'an object'}`, stack: String(error.stack ?? ''), isStorage: error.isStorage };
  }
  const { name, cause } = error;
  let message = name === 'Error' || !name ? String(error.message) : `${name}: ${error.message}`;
  if (cause instanceof Error) message += `: ${problemOf(cause).message}`;
  return { message, stack: String(error.stack ?? ''), isStorage: error.isStorage === true || cause?.isStorage === true };
}

function fail(call, error) {
  let problem;
  try {
    problem = problemOf(error);
  } catch {
    problem = { message: 'it threw something that cannot be read', stack: '' };
  }
  host('fail', call, problem.message, problem.stack, problem.isStorage === true);
}

/** Does `work`, whenever it ends, and tells the host of `call` what came of it. */
function run(call, work, finish) {
  const settle = (value) => {
    try {
      finish(value);
    } catch (error) {
      fail(call, error);
    }
  };
  try {
    const value = work();
    if (typeof value?.then === 'function') value.then(settle, (error) => fail(call, error));
    else settle(value);
  } catch (error) {
    fail(call, error);
  }
}

/** Reads a file and says which modules it exports. With `probe` its factories are tried. */
export function load(call, entry, probe) {
  const work = async () => {
    namespace = await import(entry);
    return probe ? exportsOf(namespace, instances) : [];
  };
  run(call, work, (found) => host('settle', call, stringify(found)));
}

/** Makes a module with a configuration. */
export function make(call, name, config) {
  const work = async () => {
    const factory = namespace[name];
    const module = await (config === 'null' ? factory() : factory(JSON.parse(config)));
    return describe(module, name, instances);
  };
  run(call, work, (made) => host('settle', call, stringify(made)));
}

/** Calls `init`. */
export function init(call, instance, storage) {
  const module = instances[instance];
  run(call, () => module.init(storageOf(storage)), () => host('settle', call, 'null'));
}

/** Calls `pre`, `stream` or `post`. */
export function hook(call, instance, name, storage, startTime, durationMs, chunk) {
  const module = instances[instance];
  const { context, edits, notes } = contextOf(call, storage, startTime, durationMs);
  if (name === 'stream') {
    const piece = JSON.parse(chunk);
    const settle = (answer) => {
      const text = stringify(answer);
      // what most hooks do with most pieces
      const isSame = answer === piece && text === stringify(JSON.parse(chunk));
      host('settle', call, isSame ? null : text, undefined, notes());
    };
    return run(call, () => module.stream(piece, context), settle);
  }
  const finish = (answer) => host('settle', call, name === 'pre' ? answered(answer) : 'null', edits(), notes());
  run(call, () => module[name](context), finish);
}

function answered(answer) {
  // the usual answer
  if (answer?.continue === true) return '{"continue":true}';
  return stringify(answer);
}
