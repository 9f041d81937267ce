/** Adds up what several testbenches cover in one file. Knows no editor. */

import type { BranchMessage, DeclarationMessage, FileMessage } from "../protocol";

/** How many of how many. */
export interface Count {
  readonly covered: number;
  readonly total: number;
}

/** A line with the branches that begin on it. */
export interface Line {
  readonly line: number;
  readonly hits: number;
  readonly branches: readonly BranchMessage[];
}

/** A file's coverage, merged. */
export interface Merged {
  readonly lines: readonly Line[];
  readonly declarations: readonly DeclarationMessage[];
  readonly lineCount: Count;
  readonly branchCount: Count;
  readonly declarationCount: Count;
}

/** Merge a file as each of several testbenches covers it: hits add; what one proved unreachable stays so unless another hit it. */
export function merge(files: readonly FileMessage[]): Merged {
  const hits = new Map<number, number>();
  const branches = new Map<string, BranchMessage>();
  const declarations = new Map<string, DeclarationMessage>();
  for (const file of files) {
    for (const [line, count] of file.lines) {
      hits.set(line, (hits.get(line) ?? 0) + count);
    }
    // Branches may agree in everything, as copies of a loop's body do: their place in the list tells them apart.
    const seen = new Map<string, number>();
    for (const one of file.branches) {
      const name = numbered(`${one.line}:${one.column}:${one.kind}:${one.label}`, seen);
      const before = branches.get(name);
      const sum = (before?.hits ?? 0) + one.hits;
      branches.set(name, { ...one, hits: sum, unreachable: sum === 0 && (one.unreachable || (before?.unreachable ?? false)) });
    }
    for (const one of file.declarations) {
      const name = `${one.kind}:${one.name}:${one.line}`;
      declarations.set(name, { ...one, hits: (declarations.get(name)?.hits ?? 0) + one.hits });
    }
  }
  const byLine = new Map<number, BranchMessage[]>();
  for (const one of branches.values()) {
    byLine.set(one.line, [...(byLine.get(one.line) ?? []), one]);
  }
  for (const line of byLine.keys()) {
    // A line of arcs may hold no statement of its own.
    hits.set(line, hits.get(line) ?? 0);
  }
  const lines = [...hits].map(([line, count]) => lineOf(line, count, byLine.get(line) ?? [])).sort((one, other) => one.line - other.line);
  const found = [...declarations.values()].sort((one, other) => one.line - other.line);
  return {
    lines,
    declarations: found,
    lineCount: countOf(lines),
    branchCount: countOf([...branches.values()]),
    declarationCount: countOf(found),
  };
}

function lineOf(line: number, hits: number, branches: readonly BranchMessage[]): Line {
  return { line, hits: Math.max(hits, ...branches.map((one) => one.hits)), branches };
}

function countOf(entries: readonly { readonly hits: number }[]): Count {
  return { covered: entries.filter((one) => one.hits > 0).length, total: entries.length };
}

function numbered(name: string, seen: Map<string, number>): string {
  const number = (seen.get(name) ?? 0) + 1;
  seen.set(name, number);
  return `${name}#${number}`;
}
