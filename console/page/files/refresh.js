// One loop that refreshes the current view, pauses while the tab is hidden and backs off when the API asks for it.

const LONGEST = 60_000;

export class Refresher {
  #view;
  #timer;
  #controller;
  #due = 0;
  #failures = 0;

  /** Calls `succeeded` or `failed` after each read, with the milliseconds until the next one. */
  constructor({ succeeded, failed }) {
    this.succeeded = succeeded;
    this.failed = failed;
    document.addEventListener('visibilitychange', () => this.#schedule(this.#due - Date.now()));
  }

  /** Switches to another view and reads it. */
  start(view) {
    this.#view = view;
    this.#failures = 0;
    return this.now();
  }

  /** Reads now. */
  async now() {
    const view = this.#view;
    clearTimeout(this.#timer);
    this.#due = Infinity;
    this.#controller?.abort();
    const controller = this.#controller = new AbortController();
    let wait;
    try {
      await view.load(controller.signal);
      if (controller.signal.aborted) return;
      this.#failures = 0;
      wait = view.interval();
      this.succeeded(view, wait);
    } catch (error) {
      if (controller.signal.aborted) return;
      if (error.name !== 'ApiError') throw error;
      this.#failures += 1;
      const backoff = Math.min(LONGEST, 5000 * 2 ** (this.#failures - 1));
      // These do not change within seconds.
      wait = ['denied', 'missing', 'unknown', 'stale'].includes(error.kind) ? LONGEST : Math.max(backoff, error.retryAfter * 1000);
      this.failed(view, error, wait);
    }
    this.#schedule(wait);
  }

  #schedule(wait) {
    clearTimeout(this.#timer);
    if (wait === null || !this.#view) { this.#due = Infinity; return; }
    this.#due = Date.now() + wait;
    if (!document.hidden && Number.isFinite(wait)) this.#timer = setTimeout(() => this.now(), Math.max(0, wait));
  }
}
