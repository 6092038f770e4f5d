// Looks for runs page by page, since the API's lists know no filters.

import { positionAt } from './address.js';
import { api } from './api.js';
import { pause } from './pace.js';

const LARGEST_PAGE = 100;

/** After this many runs a search stops, until somebody wants it to go on. */
export const PATIENCE = 10_000;

/** Midnight at the beginning of a local date, or of one some days later. */
function midnight(date, days = 0) {
  const [year, month, day] = date.split('-').map(Number);
  return new Date(year, month - 1, day + days);
}

export class Search {
  /** The runs that match, in the order of the list. */
  found = [];

  /** How many runs it has looked at, in how many calls; the last one, and all of the last page. */
  seen = 0;
  calls = 0;
  last;
  sample = [];

  /** Whether the list, or its part between the dates, has ended. */
  isAtEnd = false;

  #name;
  #matches;
  #wanted;
  #isAscending;
  #isBeyond;
  #token;
  #isStopped;

  /** For `wanted` runs of a definition that match, after a position and within two local dates, newest first. */
  constructor(name, { matches, wanted = Infinity, after, from, to, isAscending = false }) {
    this.#name = name;
    this.#matches = matches;
    this.#wanted = wanted;
    this.#isAscending = isAscending;
    const oldest = from && midnight(from);
    const newest = to && midnight(to, 1);
    this.#isBeyond = isAscending
      ? (run) => newest && new Date(run.startedAt) >= newest
      : (run) => oldest && new Date(run.startedAt) < oldest;
    const start = isAscending ? oldest : newest;
    this.#token = after ?? (start && positionAt(start));
    this.isAtEnd = Boolean(oldest && newest && oldest >= newest);
  }

  /** Whether there is no need to look further. */
  get isComplete() {
    return this.isAtEnd || this.found.length === this.#wanted;
  }

  /** Looks until it is complete, out of patience, or stopped; called again, it goes on. Calls back after each page. */
  async run(signal, progress) {
    this.#isStopped = false;
    const limit = this.seen + PATIENCE;
    while (!this.isComplete && !this.#isStopped && this.seen < limit) {
      await this.step(signal);
      progress?.();
    }
  }

  stop() {
    this.#isStopped = true;
  }

  /** Looks at one more page. */
  async step(signal) {
    const { workflowRunSummaries: runs, nextToken } = await this.#read(signal);
    this.calls += 1;
    this.sample = runs;
    this.#token = nextToken;
    this.isAtEnd = !nextToken;
    for (const run of runs) {
      if (this.#isBeyond(run)) { this.isAtEnd = true; return; }
      if (this.found.length === this.#wanted) { this.isAtEnd = false; return; }
      this.seen += 1;
      this.last = run;
      if (!this.#matches || this.#matches(run)) this.found.push(run);
    }
  }

  async #read(signal) {
    const options = {
      maxResults: this.#matches ? LARGEST_PAGE : Math.min(LARGEST_PAGE, this.#wanted),
      nextToken: this.#token,
      sortOrder: this.#isAscending ? 'Ascending' : 'Descending',
    };
    for (;;) {
      try {
        return await api.listRuns(this.#name, options, signal);
      } catch (error) {
        // In the middle of a long search, a pause is better than to begin again.
        if (error.kind !== 'throttled' || this.calls === 0) throw error;
        await pause(Math.max(1, error.retryAfter) * 1000, signal);
      }
    }
  }
}
