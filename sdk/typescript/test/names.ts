// Lets Node find the SDK by the names that modules import it by, in what the compiler made of this package.

import { register } from 'node:module';

const at = (path: string) => new URL(path, import.meta.url).href;
const places = {
  '@penstock/module-sdk': at('../src/index.js'),
  '@penstock/module-sdk/testing': at('../src/testing/index.js'),
  '@prxy/module-sdk': at('../src/index.js'),
};
const hook = `const places = ${JSON.stringify(places)};
export function resolve(name, context, next) {
  return places[name] ? { url: places[name], shortCircuit: true } : next(name, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
