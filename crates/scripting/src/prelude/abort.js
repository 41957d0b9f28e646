// Events, as far as calling something off needs them.

import { setTimeout } from 'penstock:timers';

export class Event {
  constructor(type, options) {
    Object.assign(this, { type: String(type), ...options });
  }
}

export class EventTarget {
  #listeners = [];
  addEventListener(type, action, options) {
    if (action) this.#listeners.push({ type, action, once: options?.once === true });
  }
  removeEventListener(type, action) {
    this.#listeners = this.#listeners.filter((own) => own.type !== type || own.action !== action);
  }
  dispatchEvent(event) {
    event.target = this;
    for (const listener of this.#listeners.filter((own) => own.type === event.type)) {
      if (listener.once) this.removeEventListener(listener.type, listener.action);
      if (typeof listener.action === 'function') listener.action.call(this, event);
      else listener.action.handleEvent(event);
    }
    this[`on${event.type}`]?.(event);
    return true;
  }
}

export class AbortSignal extends EventTarget {
  aborted = false;
  reason = undefined;
  onabort = null;
  throwIfAborted() {
    if (this.aborted) throw this.reason;
  }
  static abort(reason) {
    const controller = new AbortController();
    controller.abort(reason);
    return controller.signal;
  }
  static timeout(milliseconds) {
    const controller = new AbortController();
    const reason = new DOMException('the time is up', 'TimeoutError');
    setTimeout(() => controller.abort(reason), milliseconds);
    return controller.signal;
  }
  static any(signals) {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
    }
    return controller.signal;
  }
}

export class AbortController {
  signal = new AbortSignal();
  abort(reason = new DOMException('it was called off', 'AbortError')) {
    if (this.signal.aborted) return;
    this.signal.aborted = true;
    this.signal.reason = reason;
    this.signal.dispatchEvent(new Event('abort'));
  }
}
