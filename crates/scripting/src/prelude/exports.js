// Which exports of a file are modules.

const HOOKS = ['init', 'pre', 'stream', 'post'];

const isObject = (value) => typeof value === 'object' && value !== null;

/** Whether somebody meant this to be a module. */
const isModule = (value) =>
  isObject(value) &&
  (('name' in value && 'version' in value) || ['pre', 'stream', 'post'].some((hook) => typeof value[hook] === 'function'));

const kindOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'an array' : `${typeof value}`);

const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));

function expect(holds, where, field, what, value) {
  if (!holds) throw new TypeError(`${where}: ${field}: expected ${what}, found ${kindOf(value)}`);
}

/** Takes a module in, if it is one; says which it is and what it has. */
export function describe(module, name, instances) {
  const where = name === 'default' ? 'the default export' : `export ${name}`;
  if (!isObject(module)) throw new TypeError(`${where}: expected a module, found ${kindOf(module)}`);
  expect(typeof module.name === 'string' && module.name !== '', where, 'name', 'a text', module.name);
  expect(typeof module.version === 'string', where, 'version', 'a text such as "1.0.0"', module.version);
  for (const hook of HOOKS) {
    const value = module[hook];
    expect(value === undefined || value === null || typeof value === 'function', where, hook, 'a function', value);
  }
  const { onFailure, workers, timeoutMs } = module;
  const isPolicy = [undefined, 'open', 'closed'].includes(onFailure);
  if (!isPolicy) throw new TypeError(`${where}: onFailure: expected "open" or "closed", found another value`);
  const isCount = workers === undefined || (Number.isInteger(workers) && workers >= 1 && workers <= 64);
  expect(isCount, where, 'workers', 'a whole number from 1 to 64', workers);
  expect(timeoutMs === undefined || timeoutMs > 0, where, 'timeoutMs', 'a number above 0', timeoutMs);
  return {
    export: name,
    instance: instances.push(module) - 1,
    name: module.name,
    version: module.version,
    hooks: HOOKS.filter((hook) => typeof module[hook] === 'function'),
    onFailure,
    workers,
    timeoutMs,
  };
}

/** The modules and the factories of a file. A factory is tried without a configuration: that tells its name. */
export async function exportsOf(namespace, instances) {
  const found = [];
  const functions = [];
  const seen = new Set();
  const names = Object.keys(namespace).sort((one, other) => (other === 'default') - (one === 'default'));
  for (const name of names) {
    const value = namespace[name];
    if (seen.has(value)) continue;
    seen.add(value);
    if (typeof value === 'function' && !isClass(value)) functions.push(name);
    else if (isModule(value) || (name === 'default' && isObject(value) && 'name' in value)) {
      found.push(describe(value, name, instances));
    }
  }
  const failed = [];
  for (const name of functions) {
    const { module, error } = await tried(namespace[name]);
    if (error !== undefined) {
      // a configuration may be what it wants, and then it says so; but any function may throw, and be no factory
      if (name === 'default' || (found.length === 0 && functions.length === 1)) {
        failed.push({ export: name, isFactory: true, problem: String(error?.message ?? error) });
      }
    } else if (isModule(module) || name === 'default') {
      found.push({ ...describe(module, name, instances), isFactory: true });
    }
  }
  return [...found, ...failed];
}

async function tried(factory) {
  try {
    return { module: await factory() };
  } catch (error) {
    return { error: error ?? 'nothing' };
  }
}
