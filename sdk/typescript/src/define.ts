// Gives a module its type while it is written. At run time it is what was passed in.

import type { Module, ModuleFactory } from './module.js';

/** A module, or a factory with a typed configuration; checked where it is written, and given back as it is. */
export function defineModule<M extends Module>(module: M & Module): M;
export function defineModule<Config>(factory: ModuleFactory<Config>): ModuleFactory<Config>;
export function defineModule(definition: Module | ModuleFactory<never>): Module | ModuleFactory<never> {
  return definition;
}
