// What scripts find without importing it.

import { host } from 'penstock:host';
import { AbortController, AbortSignal, Event, EventTarget } from 'penstock:abort';
import { Buffer, atob, btoa } from 'penstock:buffer';
import { structuredClone } from 'penstock:clone';
import { console } from 'penstock:console';
import { webcrypto } from 'penstock:crypto';
import { Headers, Request, Response, fetch } from 'penstock:fetch';
import { TextDecoder, TextEncoder } from 'penstock:text';
import { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from 'penstock:timers';
import { URL, URLSearchParams } from 'penstock:url';

const began = host('now');
const performance = { timeOrigin: Date.now(), now: () => host('now') - began };

// what stripped decorators call
const babelHelpers = {
  decorate(decorators, target, key, descriptor) {
    const isProperty = arguments.length > 2;
    let result = isProperty ? (descriptor === null ? Object.getOwnPropertyDescriptor(target, key) : descriptor) : target;
    for (const decorator of [...decorators].reverse()) {
      result = (isProperty ? decorator(target, key, result) : decorator(result)) ?? result;
    }
    if (isProperty && result) Object.defineProperty(target, key, result);
    return result;
  },
  decorateParam: (index, decorator) => (target, key) => decorator(target, key, index),
  decorateMetadata: () => () => {},
};

const globals = {
  AbortController, AbortSignal, Buffer, Event, EventTarget, Headers, Request, Response, TextDecoder, TextEncoder, URL,
  URLSearchParams, atob, babelHelpers, btoa, clearImmediate, clearInterval, clearTimeout, console, crypto: webcrypto, fetch,
  global: globalThis, performance, setImmediate, setInterval, setTimeout, structuredClone,
};

for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
