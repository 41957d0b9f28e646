import type { Module } from '@penstock/module-sdk';

/** Says in the metadata how many messages a request has. */
const module: Module = {
  name: 'NAME',
  version: '0.1.0',

  async pre(ctx) {
    ctx.metadata.set('NAME.messages', ctx.request.messages.length);
    return { continue: true };
  },
};

export default module;
