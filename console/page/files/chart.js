// A picture of the last runs: one mark per run, ordered by start, its height the duration, its shape the status.

import { h, svg } from './dom.js';
import { duration, elapsed, shape, stamp, statusClass, statusLabel } from './format.js';
import { count, summary } from './statistics.js';

const HEIGHT = 190;
const LEFT = 52;
const RIGHT = 14;
const TOP = 16;
const BOTTOM = 26;
const WIDEST = 36;

/** Fewer pixels than this have room for one label. */
const TWO_LABELS = 300;

// Durations differ by orders of magnitude: the axis is logarithmic, with ticks at familiar durations.
const MARKS = [
  [1, '1 ms'], [10, '10 ms'], [100, '0.1 s'], [1000, '1 s'], [10_000, '10 s'], [60_000, '1 min'], [600_000, '10 min'], [3_600_000, '1 h'],
  [21_600_000, '6 h'], [86_400_000, '1 d'], [604_800_000, '7 d'], [2_592_000_000, '30 d'],
];

/** A figure that `draw` updates. */
export class Chart {
  #runs = [];
  #drawing = svg('svg', { height: HEIGHT, role: 'img' });
  #legend = h('ul', { class: 'legend' });
  #title = h('h2', {});
  #words = h('p', { class: 'muted' });

  constructor(open) {
    this.open = open;
    this.element = h('figure', { class: 'chart' },
      h('figcaption', {}, this.#title, this.#legend, this.#words), this.#drawing);
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  /** Draws these runs, which come newest first. */
  draw(runs, title) {
    this.#runs = runs;
    this.#title.textContent = title;
    this.element.hidden = runs.length === 0;
    this.#draw();
  }

  #draw() {
    const width = Math.max(280, this.element.clientWidth - 34);
    const runs = this.#runs.toReversed();
    const longest = Math.max(1000, ...runs.map(elapsed));
    const shortest = Math.min(longest / 10, ...runs.map(elapsed));
    const low = MARKS.findLast(([value]) => value <= Math.max(1, shortest)) ?? MARKS[0];
    const high = MARKS.find(([value]) => value >= longest) ?? [longest, ''];
    const scale = (value) => {
      const part = Math.log(Math.max(value, low[0]) / low[0]) / Math.log(high[0] / low[0]);
      return HEIGHT - BOTTOM - Math.min(1, part) * (HEIGHT - TOP - BOTTOM);
    };
    const step = Math.min(WIDEST, (width - LEFT - RIGHT) / Math.max(1, runs.length));
    const x = (index) => LEFT + (index + 0.5) * step;

    const lines = MARKS.filter(([value]) => value >= low[0] && value <= high[0]).map(([value, text]) => [
      svg('line', { x1: LEFT, x2: width, y1: scale(value), y2: scale(value), class: 'grid' }),
      svg('text', { x: LEFT - 8, y: scale(value) + 4, 'text-anchor': 'end' }, text),
    ]);
    const marks = runs.map((run, index) => {
      const y = scale(elapsed(run));
      const size = Math.min(1, step / 15);
      return svg('g', { class: `mark ${statusClass(run.status)}`, onclick: () => this.open(run.workflowRunId) },
        svg('title', {}, `${statusLabel(run.status)}, ${duration(elapsed(run))}, started ${stamp(new Date(run.startedAt))}`),
        svg('rect', { x: x(index) - step / 2, y: TOP - 10, width: step, height: HEIGHT - TOP - BOTTOM + 10, class: 'hit' }),
        svg('line', { x1: x(index), x2: x(index), y1: HEIGHT - BOTTOM, y2: y, class: `stem${run.endedAt ? '' : ' dashed'}` }),
        svg('g', { transform: `translate(${x(index)} ${y}) scale(${size})` }, shape(run.status)));
    });
    const from = runs.length > 0 ? stamp(new Date(runs[0].startedAt)) : '';
    const to = runs.length > 1 ? stamp(new Date(runs.at(-1).startedAt)) : from;
    const right = LEFT + runs.length * step;
    const ends = right - LEFT < TWO_LABELS
      ? [svg('text', { x: LEFT, y: HEIGHT - 6 }, from === to ? from : `${from} – ${to}`)]
      : [svg('text', { x: LEFT, y: HEIGHT - 6 }, from), svg('text', { x: right, y: HEIGHT - 6, 'text-anchor': 'end' }, to)];
    const words = summary(this.#runs);
    this.#drawing.setAttribute('width', width);
    this.#drawing.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.#drawing.setAttribute('aria-label', words);
    this.#drawing.replaceChildren(...lines.flat(), ...marks, ...ends);
    this.#words.textContent = words.slice(words.indexOf('.') + 1).trim();
    this.#legend.replaceChildren(...count(this.#runs).map(([status, number]) =>
      h('li', { class: statusClass(status) },
        svg('svg', { viewBox: '-8 -8 16 16', width: 14, height: 14, 'aria-hidden': 'true' }, shape(status)), `${number} ${statusLabel(status).toLowerCase()}`)));
  }
}

/** A small picture of runs, which come newest first: tall marks are those that did not succeed. */
export function strip(runs) {
  const mark = ({ status }, index) => {
    const height = { SUCCEEDED: 8, RUNNING: 5 }[status] ?? 16;
    return svg('rect', { x: index * 4, y: 16 - height, width: 3, height, class: `area ${statusClass(status)}` });
  };
  return svg('svg', { class: 'strip', viewBox: '0 0 200 16', width: 200, height: 16, 'aria-hidden': 'true' }, runs.toReversed().map(mark));
}
