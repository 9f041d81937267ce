/** A part of a proposed testbench: without some of its sequences, or with some of the changes to what is there. Knows no editor. */

/** A sequence of a proposed testbench, as the server names it. */
export interface SequencePart {
  readonly name: string;
  readonly comment: string;
  /** First and last line of each range that is its own, from 1. */
  readonly lines: readonly (readonly [number, number])[];
}

/** A change: lines of the text that is there, and what takes their place. Lines from 0, the end exclusive. */
export interface Hunk {
  readonly first: number;
  readonly end: number;
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** Most that lines of two texts are compared with each other; beyond that, what lies between common ends is one change. */
const MOST_COMPARISONS = 4_000_000;

/** Take the sequences out that are not kept. */
export function keepSequences(text: string, sequences: readonly SequencePart[], kept: ReadonlySet<string>): string {
  const gone = new Set<number>();
  for (const [first, last] of sequences.filter((one) => !kept.has(one.name)).flatMap((one) => one.lines)) {
    for (let line = first; line <= last; line++) {
      gone.add(line);
    }
  }
  return text
    .split("\n")
    .filter((_, at) => !gone.has(at + 1))
    .join("\n");
}

/** List what differs between two texts, from the top. */
export function hunksOf(before: string, after: string): Hunk[] {
  const old = before.split("\n");
  const now = after.split("\n");
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) {
    head++;
  }
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) {
    tail++;
  }
  const left = old.slice(head, old.length - tail);
  const right = now.slice(head, now.length - tail);
  const pairs = left.length * right.length > MOST_COMPARISONS ? [] : common(left, right);
  const hunks: Hunk[] = [];
  let [at, to] = [0, 0];
  for (const [one, other] of [...pairs, [left.length, right.length] as const]) {
    if (one > at || other > to) {
      hunks.push({ first: head + at, end: head + one, removed: left.slice(at, one), added: right.slice(to, other) });
    }
    [at, to] = [one + 1, other + 1];
  }
  return hunks;
}

/** Make the changes that are kept. */
export function keepHunks(before: string, hunks: readonly Hunk[], kept: ReadonlySet<Hunk>): string {
  const lines = before.split("\n");
  for (const hunk of [...hunks].reverse().filter((one) => kept.has(one))) {
    lines.splice(hunk.first, hunk.end - hunk.first, ...hunk.added);
  }
  return lines.join("\n");
}

/** Say what a change does, such as `+12 −3`. */
export function sizeOf(hunk: Hunk): string {
  return [
    ...(hunk.added.length > 0 ? [`+${hunk.added.length}`] : []),
    ...(hunk.removed.length > 0 ? [`−${hunk.removed.length}`] : []),
  ].join(" ");
}

/** The line that tells most of a change: the first with words, of what comes rather than of what goes. */
export function headOf(hunk: Hunk): string {
  return [...hunk.added, ...hunk.removed].map((line) => line.trim()).find((line) => /\w/.test(line)) ?? "blank lines";
}

/** Places of a longest common subsequence. */
function common(left: readonly string[], right: readonly string[]): (readonly [number, number])[] {
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  const at = (one: number, other: number): number => lengths[one * width + other] ?? 0;
  for (let one = left.length - 1; one >= 0; one--) {
    for (let other = right.length - 1; other >= 0; other--) {
      lengths[one * width + other] =
        left[one] === right[other] ? at(one + 1, other + 1) + 1 : Math.max(at(one + 1, other), at(one, other + 1));
    }
  }
  const pairs: (readonly [number, number])[] = [];
  let [one, other] = [0, 0];
  while (one < left.length && other < right.length) {
    if (left[one] === right[other]) {
      pairs.push([one++, other++]);
    } else if (at(one + 1, other) >= at(one, other + 1)) {
      one++;
    } else {
      other++;
    }
  }
  return pairs;
}
