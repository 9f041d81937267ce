/** What was learned, in words. Knows no editor. */

import type { AdapterMessage, LearningMessage } from "../protocol";
import { percentText } from "../testing/summary";

/** How coverage on held-out designs changed, such as `41.0 % → 47.0 %`. */
export function change(one: AdapterMessage): string {
  return one.before === null || one.after === null ? "not measured" : `${percentText(one.before)} % → ${percentText(one.after)} %`;
}

/** Between what the gain lies, such as `+1.5 to +9.5`; empty where it was not measured. */
export function gain(one: AdapterMessage): string {
  return one.gainLow === null || one.gainHigh === null ? "" : `${signed(one.gainLow)} to ${signed(one.gainHigh)} with 95 %`;
}

/** What became of it. */
export function standing(one: AdapterMessage): string {
  return one.live ? "live" : one.gainLow !== null && one.gainLow <= 0 ? "not better" : "not live";
}

/** The last result, and when the next one comes. */
export function summary(learning: LearningMessage): string {
  const last = learning.adapters[0];
  const result = last === undefined ? "nothing learned yet" : `${change(last)}, ${standing(last)}`;
  return learning.running ? `runs now · ${result}` : result;
}

/** When learning begins by itself, as a sentence. */
export function schedule(learning: LearningMessage): string {
  return learning.schedule === "off" ? "only when asked" : `${learning.schedule}, while nothing else is to do`;
}

/** The live ones, one for a base model. */
export function live(learning: LearningMessage): AdapterMessage[] {
  return learning.adapters.filter((one) => one.live);
}

function signed(value: number): string {
  return value > 0 ? `+${value.toFixed(1)}` : value.toFixed(1).replace("-", "−");
}
