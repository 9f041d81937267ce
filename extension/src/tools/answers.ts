/** What the tools tell a language model: few words, exact numbers, and what could be done next. Knows no editor. */

import type { ReportMessage } from "../protocol";
import { totals } from "../report/sections";
import { METRICS, whole } from "../report/words";
import { percentText } from "../testing/summary";

/** Longest testbench that is told as a whole. */
export const MOST_CHARACTERS = 24_000;
/** Holes that are told where nobody says how many. */
export const USUAL_HOLES = 20;

export interface Generated {
  readonly text: string;
  readonly path: string;
  readonly before: number | null;
  readonly after: number | null;
  readonly ended: string;
}

/** Tell what a module's testbench covers. */
export function coverageAnswer(report: ReportMessage): string {
  if (report.status === null) {
    return `Nothing was measured of ${report.top}.`;
  }
  const metrics = totals(report.files).map((one) => {
    const share = one.total === 0 ? "no points" : `${percentText((100 * one.covered) / one.total)} %`;
    const proved = one.unreachable > 0 ? `, ${whole(one.unreachable)} proved unreachable` : "";
    return `${METRICS[one.kind] ?? one.kind}: ${share} (${whole(one.covered)} of ${whole(one.total)} points${proved})`;
  });
  return lines(
    `${report.top}: run ${report.status}; overall ${percent(report.overall)}, ${percent(report.reachable)} of what can be reached.`,
    report.testbench === null ? "Of a testbench that is in no file yet." : `Testbench: ${report.testbench}`,
    report.stale ? "Files have changed since it was measured." : "",
    ...metrics,
  );
}

/** Tell the holes of a module, most telling first: those that may be reached before those that are proved. */
export function holesAnswer(
  report: ReportMessage,
  options: { readonly most?: number | undefined; readonly kind?: string | undefined },
): string {
  if (report.status === null) {
    return `Nothing was measured of ${report.top}.`;
  }
  const all = report.files
    .flatMap((file) => file.holes.map((hole) => ({ file: file.uri, hole })))
    .filter((one) => options.kind === undefined || one.hole.kind === options.kind);
  const cut = report.files.reduce((sum, file) => sum + file.leftOut, 0);
  const open = all.filter((one) => one.hole.verdict !== "unreachable");
  const proved = all.filter((one) => one.hole.verdict === "unreachable");
  if (all.length === 0 && cut === 0) {
    return `${report.top} has no holes${options.kind === undefined ? "" : ` of the kind ${options.kind}`}; overall ${percent(report.overall)}.`;
  }
  const most = Math.max(1, Math.floor(options.most ?? USUAL_HOLES));
  const shown = [...open, ...proved].slice(0, most);
  const left = all.length - shown.length;
  return lines(
    `${report.top}: ${whole(open.length)} open and ${whole(proved.length)} proved unreachable${cut > 0 ? `, and ${whole(cut)} more that are not listed` : ""}; overall ${percent(report.overall)}.`,
    report.stale ? "Files have changed since it was measured: lines may have moved." : "",
    ...shown.map(({ file, hole }) => {
      const known = hole.verdict === "unknown" ? "" : ` [${hole.verdict}${hole.reason === "" ? "" : `: ${hole.reason}`}]`;
      return `- ${file} line ${hole.line}, ${hole.kind}: ${hole.sentence}${known}`;
    }),
    left > 0 ? `${whole(left)} more are left out.` : "",
  );
}

/** Tell a testbench that was generated and waits for the user's answer. */
export function generatedAnswer(one: Generated): string {
  const cut = one.text.length > MOST_CHARACTERS;
  return lines(
    `A testbench that covers ${percent(one.after)}${one.before === null ? "" : ` (before: ${percent(one.before)})`}; ${one.ended}.`,
    `It is for ${one.path}, and is in no file yet: the user reviews it in the editor, and accepts or rejects it there.`,
    cut ? `The first ${whole(MOST_CHARACTERS)} of its ${whole(one.text.length)} characters:` : "",
    "```systemverilog",
    cut ? one.text.slice(0, MOST_CHARACTERS) : one.text.trimEnd(),
    "```",
  );
}

function percent(value: number | null): string {
  return value === null ? "not measured" : `${percentText(value)} %`;
}

function lines(...parts: readonly string[]): string {
  return parts.filter((one) => one !== "").join("\n");
}
