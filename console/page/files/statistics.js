// What a sample of runs says.

import { duration, elapsed, statusLabel } from './format.js';

const ORDER = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'DELETING'];

/** A running run is late when it takes this many times the median, if that is more than a minute. */
const LATE = 5;
const PATIENCE = 60_000;

/** A median needs this many runs to say something about another one. */
const SAMPLE = 5;

/** How many runs there are of each status that occurs. */
export function count(runs) {
  const counts = new Map(ORDER.map((status) => [status, 0]));
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].filter(([, number]) => number > 0);
}

const durations = (runs) => runs.filter((run) => run.endedAt).map(elapsed).sort((a, b) => a - b);

/** The median duration in milliseconds of the runs that have ended, or null if too few have. */
export function typical(runs) {
  const ended = durations(runs);
  return ended.length >= SAMPLE ? ended[Math.floor(ended.length / 2)] : null;
}

/** In words how late a running run is, or null. `median` is what `typical` says of others. */
export function lateness(run, median) {
  const takes = elapsed(run);
  if (run.status !== 'RUNNING' || !median || takes < Math.max(PATIENCE, LATE * median)) return null;
  return `${Math.floor(takes / median).toLocaleString('en')} × the median`;
}

/** The runs in words. */
export function summary(runs) {
  const ended = durations(runs);
  const parts = count(runs).map(([status, number]) => `${number} ${statusLabel(status).toLowerCase()}`);
  const times = ended.length > 0
    ? ` Median duration ${duration(ended[Math.floor(ended.length / 2)])}, longest ${duration(ended.at(-1))}.` : '';
  return `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}: ${parts.join(', ')}.${times}`;
}
