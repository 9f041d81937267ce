/** Charts as inline SVG, drawn from numbers alone. Their colours are classes, which the page gives a meaning. */

import { html, type Markup, NOTHING } from "./html";
import { percent } from "./words";

/** A point of a chart of percentages. */
export interface Mark {
  /** From 0 to 100; null leaves a gap. */
  readonly value: number | null;
  /** Which series it is of: its number decides colour and shape. */
  readonly series: number;
  readonly hint: string;
}

export interface Course {
  readonly title: string;
  readonly marks: readonly Mark[];
  /** A line through the chart, one value a mark; null leaves a gap. */
  readonly line: readonly (number | null)[];
  /** Marks before which something else begins, such as another version of the design. */
  readonly breaks: readonly number[];
  readonly width?: number;
  readonly height?: number;
}

const LEFT = 44;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 16;
/** Series that can be told apart by colour and shape. */
export const MOST_SERIES = 6;

/** Draw percentages in a row, each with a mark, and a stepped line. */
export function courseChart(course: Course): Markup {
  const width = course.width ?? 720;
  const height = course.height ?? 220;
  const [low, high] = span([...course.marks.map((one) => one.value), ...course.line]);
  const x = (at: number): number => round(LEFT + ((width - LEFT - RIGHT) * (at + 0.5)) / Math.max(1, course.marks.length));
  const y = (value: number): number => round(TOP + ((height - TOP - BOTTOM) * (high - value)) / (high - low));
  const grid = ticks(low, high, height < 150 ? 2 : 4).map(
    (value) => html`<line class="grid" x1="${LEFT}" x2="${width - RIGHT}" y1="${y(value)}" y2="${y(value)}"></line>
      <text class="tick" x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${value} %</text>`,
  );
  const breaks = course.breaks.map((at) => {
    const middle = round((x(at - 1) + x(at)) / 2);
    return html`<line class="break" x1="${middle}" x2="${middle}" y1="${TOP}" y2="${height - BOTTOM}"></line>`;
  });
  const marks = course.marks.map((mark, at) => (mark.value === null ? NOTHING : symbol(x(at), y(mark.value), mark.series, mark.hint)));
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${course.title}">
    ${grid}${breaks}<path class="course" d="${path(course.line, new Set(course.breaks), x, y)}"></path>${marks}
  </svg>`;
}

/** Draw the symbol of a series, for a legend. */
export function legendSymbol(series: number): Markup {
  return html`<svg class="symbol" viewBox="0 0 12 12" aria-hidden="true">${symbol(6, 6, series, "")}</svg>`;
}

/** Draw a share of 100 as a bar; what is proved unreachable stands apart at its end. */
export function bar(value: number | null, apart = 0): Markup {
  if (value === null) {
    return NOTHING;
  }
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" width="100" height="8"></rect>
    <rect class="fill" width="${round(value)}" height="8"></rect>
    <rect class="apart" x="${round(100 - apart)}" width="${round(apart)}" height="8"></rect>
  </svg>`;
}

/** Draw where something began and where it ended, of 100. */
export function fromTo(before: number | null, after: number | null): Markup {
  if (after === null) {
    return NOTHING;
  }
  const from = round(4 + (before ?? 0) * 0.92);
  const to = round(4 + after * 0.92);
  const begin = before === null ? NOTHING : html`<circle class="from" cx="${from}" cy="6" r="3"></circle>`;
  return html`<svg class="fromto" viewBox="0 0 100 12" aria-label="from ${percent(before)} to ${percent(after)}" role="img">
    <line class="track" x1="4" x2="96" y1="6" y2="6"></line><line class="way" x1="${from}" x2="${to}" y1="6" y2="6"></line>${begin}
    <circle class="to" cx="${to}" cy="6" r="3.5"></circle>
  </svg>`;
}

/** Choose what of 0 to 100 is shown: whole tens around the values, at least twenty. */
export function span(values: readonly (number | null)[]): [number, number] {
  const present = values.filter((one) => one !== null);
  if (present.length === 0) {
    return [0, 100];
  }
  const high = Math.min(100, Math.ceil(Math.max(...present) / 10) * 10);
  const low = Math.max(0, Math.floor(Math.min(...present) / 10) * 10);
  return high - low >= 20 ? [low, high] : low >= 20 ? [high - 20, high] : [low, low + 20];
}

function ticks(low: number, high: number, most: number): number[] {
  const step = [5, 10, 20, 25, 50].find((one) => (high - low) / one <= most) ?? 50;
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.floor((high - first) / step) + 1 }, (_, at) => first + at * step);
}

/** A stepped path with gaps where there is no value and at breaks. */
function path(line: Course["line"], breaks: ReadonlySet<number>, x: (at: number) => number, y: (value: number) => number): string {
  let text = "";
  let drawn = false;
  line.forEach((value, at) => {
    if (value !== null) {
      text += drawn && !breaks.has(at) ? `H${x(at)}V${y(value)}` : `M${x(at)} ${y(value)}`;
    }
    drawn = value !== null;
  });
  return text;
}

function symbol(x: number, y: number, series: number, hint: string): Markup {
  const title = hint === "" ? NOTHING : html`<title>${hint}</title>`;
  const kind = `mark series-${series % MOST_SERIES}`;
  switch (series % MOST_SERIES) {
    case 0:
      return html`<circle class="${kind}" cx="${x}" cy="${y}" r="4">${title}</circle>`;
    case 1:
      return html`<rect class="${kind}" x="${round(x - 3.8)}" y="${round(y - 3.8)}" width="7.6" height="7.6">${title}</rect>`;
    case 2:
      return html`<path class="${kind}" d="M${x} ${round(y - 5)}l5 5l-5 5l-5 -5z">${title}</path>`;
    case 3:
      return html`<path class="${kind}" d="M${x} ${round(y - 5)}l5 8.6h-10z">${title}</path>`;
    case 4:
      return html`<path class="${kind}" d="M${x} ${round(y + 5)}l5 -8.6h-10z">${title}</path>`;
    default:
      return html`<path class="${kind} stroked" d="M${round(x - 4)} ${round(y - 4)}l8 8m0 -8l-8 8">${title}</path>`;
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
