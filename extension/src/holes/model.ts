/** The holes of all modules as a tree: by module and kind, most telling first, filtered. Knows no editor. */

import type { CoverageMessage, HoleMessage } from "../protocol";
import { percentText } from "../testing/summary";

/** A hole with the module that it is of. */
export interface HoleEntry {
  readonly uri: string;
  readonly top: string;
  /** URI of the file that it lies in. */
  readonly file: string;
  readonly hole: HoleMessage;
}

export interface KindNode {
  readonly kind: string;
  readonly points: number;
  readonly holes: readonly HoleEntry[];
}

export interface ModuleNode {
  readonly uri: string;
  readonly top: string;
  readonly description: string;
  readonly kinds: readonly KindNode[];
}

/** What is shown; empty sets and texts leave nothing out. */
export interface Filter {
  readonly kinds: readonly string[];
  readonly verdicts: readonly string[];
  readonly text: string;
}

export const NO_FILTER: Filter = { kinds: [], verdicts: [], text: "" };
export const KINDS = ["line", "branch", "fsm", "expr", "toggle"] as const;
export const VERDICTS: Readonly<Record<string, string>> = {
  unknown: "not hit yet",
  covered: "can be reached",
  bounded: "out of reach of short runs",
  unreachable: "proved unreachable",
};

/** Put coverage into a tree; a module without holes stays in it, to say so. */
export function holesTree(messages: Iterable<CoverageMessage>, filter: Filter = NO_FILTER): ModuleNode[] {
  return [...messages].map((message) => moduleNode(message, filter)).sort((one, other) => one.top.localeCompare(other.top));
}

function moduleNode(message: CoverageMessage, filter: Filter): ModuleNode {
  const entries: HoleEntry[] = message.files.flatMap((file) =>
    file.holes.map((hole) => ({ uri: message.uri, top: message.top, file: file.uri, hole })),
  );
  const kept = entries.filter((entry) => passes(entry, filter));
  const kinds = KINDS.map((kind) => {
    const holes = kept.filter((entry) => entry.hole.kind === kind);
    // What is proved unreachable needs nobody's attention; the order is kept otherwise.
    const open = holes.filter((entry) => entry.hole.verdict !== "unreachable");
    const proved = holes.filter((entry) => entry.hole.verdict === "unreachable");
    return { kind, points: sum(holes), holes: [...open, ...proved] };
  }).filter((node) => node.holes.length > 0);
  const overall = message.overall === null ? "" : `${percentText(message.overall)} % · `;
  const open = entries.filter((entry) => entry.hole.verdict !== "unreachable");
  const left = sum(open);
  const proved = sum(entries) - left;
  const parts = [left === 1 ? "1 hole" : `${left} holes`, ...(proved > 0 ? [`${proved} unreachable`] : [])];
  return { uri: message.uri, top: message.top, description: overall + parts.join(" · "), kinds };
}

/** A hole in few words, as there is little room; its line stands beside it. */
export function labelOf(hole: HoleMessage): string {
  const words = hole.sentence
    .replace(/ (at |on |\()line \d+\)?/, "")
    .replace(/^FSM [\w.]+: /, "")
    .replaceAll("`", "")
    .replace(/\.$/, "");
  // A signal's name keeps its letters.
  return /^(never|state) /.test(words) ? words.charAt(0).toUpperCase() + words.slice(1) : words;
}

function passes({ hole, file }: HoleEntry, filter: Filter): boolean {
  const text = filter.text.toLowerCase();
  const words = `${hole.sentence} ${hole.reason} ${file.split("/").at(-1) ?? ""}`.toLowerCase();
  return (
    (filter.kinds.length === 0 || filter.kinds.includes(hole.kind)) &&
    (filter.verdicts.length === 0 || filter.verdicts.includes(hole.verdict)) &&
    (text === "" || words.includes(text))
  );
}

function sum(entries: readonly HoleEntry[]): number {
  return entries.reduce((total, entry) => total + entry.hole.points, 0);
}

/** Say in words what is left out; empty if nothing is. */
export function filterWords(filter: Filter): string {
  const parts = [
    ...filter.kinds,
    ...filter.verdicts.map((verdict) => VERDICTS[verdict] ?? verdict),
    ...(filter.text === "" ? [] : [`"${filter.text}"`]),
  ];
  return parts.length === 0 ? "" : `Only: ${parts.join(", ")}`;
}
