/** Numbers and times as a report writes them: the same on every machine, so that an exported report reads alike everywhere. */

import { percentText } from "../testing/summary";

/** Names of the metrics, in the order in which they are told. */
export const METRICS: Readonly<Record<string, string>> = {
  line: "Lines",
  branch: "Branches",
  expr: "Expressions",
  toggle: "Toggles",
  fsm: "State machines",
};

const WHOLE = new Intl.NumberFormat("en-GB");

/** Write a percentage, such as `97.4 %`; a dash where there is none. */
export function percent(value: number | null): string {
  return value === null ? "–" : `${percentText(value)} %`;
}

/** Write a whole number with its thousands apart. */
export function whole(value: number): string {
  return WHOLE.format(value);
}

/** Write a count in at most four characters, such as `3k`: never more than it is. */
export function brief(count: number): string {
  const units: readonly [number, string][] = [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ];
  const [size, unit] = units.find(([least]) => count >= least) ?? [1, ""];
  return `${Math.floor(count / size)}${unit}`;
}

/** Write a span of time, such as `0.04 s`, `12 s` or `3 min 20 s`. */
export function seconds(value: number): string {
  if (value < 10) {
    return `${Number(value.toPrecision(2))} s`;
  }
  const all = Math.round(value);
  return all < 120 ? `${all} s` : `${whole(Math.floor(all / 60))} min ${all % 60} s`;
}

/** Write a moment in UTC, such as `2026-01-02 10:30 UTC`; a text that is no moment stays as it is. */
export function moment(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** The last part of a URI or path. */
export function baseName(uri: string): string {
  return decodeURIComponent(uri.split(/[\\/]/).at(-1) ?? uri);
}
