/** What is stored of a design as series and sums: coverage round by round, and what it cost. Draws nothing. */

import type { RoundMessage, TrajectoryMessage } from "../protocol";

/** A round in the order in which things happened. */
export interface Step {
  readonly trajectory: TrajectoryMessage;
  readonly round: RoundMessage;
  /** Whether the design is another than in the step before. */
  readonly isNewDesign: boolean;
  /** Most that any round had covered of this version of the design so far, in percent; null before the first one. */
  readonly best: number | null;
}

/** What was spent by one policy, and what for. */
export interface Cost {
  readonly policy: string;
  readonly model: string;
  readonly rounds: number;
  /** Points that rounds hit and the state before them did not; rounds that were not kept gained nothing. */
  readonly gained: number;
  readonly seconds: number;
  /** Null where no model was asked. */
  readonly tokens: number | null;
}

/** Put all rounds in a row, oldest first. */
export function stepsOf(trajectories: readonly TrajectoryMessage[]): Step[] {
  const best = new Map<string, number>();
  let design: string | undefined;
  const steps: Step[] = [];
  for (const trajectory of trajectories) {
    for (const round of trajectory.rounds) {
      const before = best.get(trajectory.design) ?? null;
      const now = round.after !== null && (before === null || round.after > before) ? round.after : before;
      if (now !== null) {
        best.set(trajectory.design, now);
      }
      steps.push({ trajectory, round, isNewDesign: design !== undefined && design !== trajectory.design, best: now });
      design = trajectory.design;
    }
  }
  return steps;
}

/** Give a metric's percentage after a round; null where the round has none. */
export function metricAfter(round: RoundMessage, kind: string): number | null {
  const tally = round.tallies.find((one) => one.kind === kind);
  return tally === undefined || tally.total === 0 ? null : (100 * tally.covered) / tally.total;
}

/** Points that a round added to what was hit before it. */
export function gainOf(round: RoundMessage): number {
  return round.kept && round.covered !== null ? Math.max(0, round.covered - (round.coveredBefore ?? 0)) : 0;
}

/** Add up what each policy and model cost, the one that gained most first. */
export function costs(trajectories: readonly TrajectoryMessage[]): Cost[] {
  const sums = new Map<string, Cost>();
  for (const round of trajectories.flatMap((one) => one.rounds)) {
    const model = round.model ?? "";
    const key = `${round.policy}\n${model}`;
    const sum = sums.get(key) ?? { policy: round.policy, model, rounds: 0, gained: 0, seconds: 0, tokens: null };
    sums.set(key, {
      ...sum,
      rounds: sum.rounds + 1,
      gained: sum.gained + gainOf(round),
      seconds: sum.seconds + round.seconds,
      tokens: round.tokens === null ? sum.tokens : (sum.tokens ?? 0) + round.tokens,
    });
  }
  return [...sums.values()].sort((one, other) => other.gained - one.gained || one.policy.localeCompare(other.policy));
}

/** Coverage before and after a trajectory: where it began, and the last round that was kept. */
export function ends(one: TrajectoryMessage): { readonly before: number | null; readonly after: number | null } {
  const before = one.rounds[0]?.before ?? null;
  return { before, after: one.rounds.reduce((best, round) => (round.kept ? round.after : best), before) };
}
