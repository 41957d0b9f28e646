// `@penstock/module-sdk`: what a module is written against.
//
// The gateway carries these files and gives them to modules, so that nothing has to be installed there. Hence they are
// plain ES2022: no dependency, and nothing of Node. Tests have an entry of their own, `@penstock/module-sdk/testing`.

export type * from './canonical.js';
export type * from './module.js';
export type * from './storage.js';
export { defineModule } from './define.js';
export { errorResponse, textResponse } from './respond.js';
export type { ErrorResponseOptions, TextResponseOptions } from './respond.js';
export { calculateActualCost, estimateInputTokens, estimateRequestCost } from './cost.js';
export type { ModelPrices, PriceTable } from './cost.js';
