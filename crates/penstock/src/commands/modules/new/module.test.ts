// node --test NAME.test.ts (Node 22.18 or newer), with `npm install --save-dev @penstock/module-sdk`
import assert from 'node:assert/strict';
import test from 'node:test';
import { run } from '@penstock/module-sdk/testing';
import module from './NAME.ts';

test('it counts the messages', async () => {
  const { metadata } = await run(module, { request: { messages: [{ role: 'user', content: 'hi' }] } });
  assert.equal(metadata.get('NAME.messages'), 1);
});
