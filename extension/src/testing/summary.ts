/** Says in one line what was measured. Knows no editor. */

import type { CoverageMessage, TallyMessage } from "../protocol";

/** Write a percentage with one decimal; 100.0 and 0.0 appear only where they are exact. */
export function percentText(percent: number): string {
  const rounded = percent.toFixed(1);
  if (rounded === "100.0" && percent < 100) {
    return "99.9";
  }
  return rounded === "0.0" && percent > 0 ? "0.1" : rounded;
}

/** Add up tallies of all files, in the order in which kinds come first. */
export function tallies(message: CoverageMessage): TallyMessage[] {
  const found = new Map<string, TallyMessage>();
  for (const one of message.files.flatMap((file) => file.tallies)) {
    const before = found.get(one.kind);
    found.set(one.kind, {
      kind: one.kind,
      covered: one.covered + (before?.covered ?? 0),
      total: one.total + (before?.total ?? 0),
      unreachable: one.unreachable + (before?.unreachable ?? 0),
    });
  }
  return [...found.values()];
}

/** What was measured, such as `91.2 % overall (line 20/22, branch 9/10)`. */
export function summary(message: CoverageMessage | undefined): string {
  if (message?.overall === undefined || message.overall === null) {
    return "measured";
  }
  const parts = tallies(message).map((one) => `${one.kind} ${one.covered}/${one.total}`);
  return `${percentText(message.overall)} % overall (${parts.join(", ")})`;
}
