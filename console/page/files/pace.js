// Spaces calls out, and makes none while nobody looks.

/** Waits. Rejects as soon as the signal is aborted. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); });
  });
}

export class Pace {
  #spacing;
  #waiting = [];
  #isBusy = false;

  /** At least this many milliseconds lie between two turns. */
  constructor(spacing) {
    this.#spacing = spacing;
    document.addEventListener('visibilitychange', () => this.#next());
  }

  /** Waits for a turn. A caller who gives up takes none. */
  turn(signal) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      this.#waiting.push({ signal, resolve });
      signal?.addEventListener('abort', () => reject(signal.reason));
      this.#next();
    });
  }

  #next() {
    if (this.#isBusy || document.hidden) return;
    this.#waiting = this.#waiting.filter(({ signal }) => !signal?.aborted);
    const first = this.#waiting.shift();
    if (!first) return;
    first.resolve();
    this.#isBusy = true;
    setTimeout(() => { this.#isBusy = false; this.#next(); }, this.#spacing);
  }
}
