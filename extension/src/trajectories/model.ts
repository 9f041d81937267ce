/** Stored trajectories as the server tells them, in words and grouped by design. Knows no editor. */

import { percentText } from "../testing/summary";

export interface Round {
  readonly round: number;
  readonly policy: string;
  readonly model: string | null;
  readonly status: string | null;
  readonly before: number | null;
  readonly after: number | null;
  readonly kept: boolean;
  readonly ended: string | null;
}

export interface Answered {
  readonly answer: string;
  readonly testbench: string;
  readonly reason: string;
  readonly at: string;
}

export interface Trajectory {
  readonly id: string;
  readonly design: string;
  readonly top: string;
  readonly command: string;
  readonly began: string;
  readonly rounds: readonly Round[];
  readonly acceptances: readonly Answered[];
  readonly accepted: readonly string[];
}

/** A trajectory with the texts of its rounds. */
export interface TrajectoryTexts extends Trajectory {
  readonly texts: readonly { readonly reply: string | null; readonly testbench_text: string | null }[];
}

export interface DesignGroup {
  readonly design: string;
  readonly top: string;
  readonly trajectories: readonly Trajectory[];
}

/** Group by design, the newest first. */
export function byDesign(trajectories: readonly Trajectory[]): DesignGroup[] {
  const groups = new Map<string, Trajectory[]>();
  for (const one of [...trajectories].sort((a, b) => b.began.localeCompare(a.began))) {
    groups.set(one.design, [...(groups.get(one.design) ?? []), one]);
  }
  return [...groups].map(([design, found]) => ({ design, top: found[0]?.top ?? "", trajectories: found }));
}

/** How coverage went, such as `23.2 % → 97.4 %`. */
export function course(one: Trajectory): string {
  const before = one.rounds[0]?.before ?? null;
  const after = one.rounds.reduce<number | null>((best, round) => (round.kept ? round.after : best), before);
  const text = (percent: number | null): string => (percent === null ? "nothing" : `${percentText(percent)} %`);
  return before === null ? text(after) : `${text(before)} → ${text(after)}`;
}

/** What became of it: `accepted`, `rejected`, `undone` or nothing. */
export function outcome(one: Trajectory): string {
  return one.accepted.length > 0 ? "accepted" : (one.acceptances.at(-1)?.answer ?? "");
}

/** Write a trajectory as a page. */
export function page(one: TrajectoryTexts): string {
  const answers = one.acceptances.map((each) => `- ${each.answer} at ${each.at}${each.reason ? `: ${each.reason}` : ""}`);
  const rows = one.rounds.map((round) => {
    const cells = [
      round.round,
      round.policy,
      round.model ?? "",
      round.status ?? "no testbench",
      percent(round.before),
      percent(round.after),
      round.kept ? "yes" : "no",
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const texts = one.texts.flatMap((each, at) =>
    each.testbench_text === null ? [] : [`## Testbench of round ${at}`, "", "```systemverilog", each.testbench_text.trimEnd(), "```", ""],
  );
  return [
    `# ${one.top}: ${course(one)}`,
    "",
    `Began ${one.began} with \`${one.command}\`; id \`${one.id}\`.`,
    "",
    ...(answers.length > 0 ? [...answers, ""] : []),
    "| round | policy | model | status | before | after | kept |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    ...texts,
  ].join("\n");
}

function percent(value: number | null): string {
  return value === null ? "-" : `${percentText(value)} %`;
}
