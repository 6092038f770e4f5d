// What a list of runs does not tell, model and log group, read once for each run that somebody looks at.

import { api } from './api.js';

const AT_ONCE = 4;

/** How long to leave a run alone that could not be read. */
const PAUSE = 30_000;

export class Details {
  #known = new Map();
  #failed = new Map();
  #waiting = new Map();
  #reading = new Set();
  #notBefore = 0;
  #denied = false;

  /** What is known of a run. */
  get(id) {
    return this.#known.get(id);
  }

  /** Keeps what has been read elsewhere: neither model nor log group ever changes. */
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

  /** Forgets what nobody looks at any more. */
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
        // One refusal stands for all: they are the same permission.
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
