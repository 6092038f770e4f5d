// Reads what lists leave out, the model and the log group, once for each run on the screen.

import { api } from './api.js';

const AT_ONCE = 4;

/** How long to wait before reading a run again after a failure. */
const PAUSE = 30_000;

export class Details {
  #known = new Map();
  #failed = new Map();
  #waiting = new Map();
  #reading = new Set();
  #notBefore = 0;
  #denied = false;

  /** The details of a run that has been read. */
  get(id) {
    return this.#known.get(id);
  }

  /** Keeps the details of a run that another view has read: neither model nor log group ever changes. */
  keep(run) {
    this.#known.set(run.workflowRunId, { modelId: run.modelId, logGroupName: run.logGroupName });
  }

  /** Calls back with a run's details, or with `null` if they cannot be read. */
  want(name, id, callback) {
    if (this.#known.has(id)) callback(this.#known.get(id));
    else if (this.#denied || Date.now() < (this.#failed.get(id) ?? 0)) callback(null);
    else if (!this.#reading.has(id)) {
      this.#waiting.set(id, { name, callback });
      this.#next();
    }
  }

  /** Drops the runs still waiting to be read. */
  forget() {
    this.#waiting.clear();
    this.#denied = false;
  }

  async #next() {
    if (this.#reading.size >= AT_ONCE || this.#waiting.size === 0 || document.hidden) return;
    const pause = this.#notBefore - Date.now();
    if (pause > 0) { setTimeout(() => this.#next(), pause); return; }
    const [id, { name, callback }] = this.#waiting.entries().next().value;
    this.#waiting.delete(id);
    this.#reading.add(id);
    this.#next();
    try {
      this.keep(await api.getRun(name, id));
      callback(this.#known.get(id));
    } catch (error) {
      if (error.kind === 'throttled') {
        this.#notBefore = Date.now() + Math.max(1, error.retryAfter) * 1000;
        this.#waiting.set(id, { name, callback });
      } else {
        // All reads need the same permission: one refusal is enough.
        if (error.kind === 'denied') this.#denied = true;
        this.#failed.set(id, Date.now() + PAUSE);
        callback(null);
        if (this.#denied) for (const [, waiting] of this.#waiting) waiting.callback(null);
        if (this.#denied) this.#waiting.clear();
      }
    } finally {
      this.#reading.delete(id);
      this.#next();
    }
  }
}

export const details = new Details();
