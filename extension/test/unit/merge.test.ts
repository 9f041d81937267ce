import assert from "node:assert/strict";
import type { FileMessage } from "../../src/protocol";
import { merge } from "../../src/testing/merge";

function file(part: Partial<FileMessage>): FileMessage {
  return { uri: "file:///a.sv", lines: [], branches: [], declarations: [], tallies: [], holes: [], ...part };
}

function branch(line: number, label: string, hits: number, unreachable = false): FileMessage["branches"][number] {
  return { line, column: 5, kind: "branch", label, hits, unreachable };
}

describe("merging coverage", () => {
  it("adds hits of lines and keeps those that nobody executed", () => {
    const one = file({
      lines: [
        [1, 3],
        [2, 0],
        [7, 0],
      ],
    });
    const other = file({
      lines: [
        [1, 4],
        [2, 1],
        [7, 0],
      ],
    });
    const merged = merge([one, other]);
    assert.deepEqual(
      merged.lines.map((line) => [line.line, line.hits]),
      [
        [1, 7],
        [2, 1],
        [7, 0],
      ],
    );
    assert.deepEqual(merged.lineCount, { covered: 2, total: 3 });
  });

  it("adds hits of the same branch, and tells copies apart", () => {
    const one = file({ lines: [[4, 1]], branches: [branch(4, "if", 0), branch(4, "if", 2), branch(4, "else", 0)] });
    const merged = merge([one, one]);
    assert.deepEqual(
      merged.lines[0]?.branches.map((each) => [each.label, each.hits]),
      [
        ["if", 0],
        ["if", 4],
        ["else", 0],
      ],
    );
    assert.deepEqual(merged.branchCount, { covered: 1, total: 3 });
  });

  it("lets no proof stand against a hit", () => {
    const proved = file({ branches: [branch(4, "else", 0, true)] });
    assert.equal(merge([proved]).lines[0]?.branches[0]?.unreachable, true);
    assert.equal(merge([proved, file({ branches: [branch(4, "else", 0)] })]).lines[0]?.branches[0]?.unreachable, true);
    assert.equal(merge([proved, file({ branches: [branch(4, "else", 1)] })]).lines[0]?.branches[0]?.unreachable, false);
  });

  it("gives branches on a line without a statement a line, executed if one of them was", () => {
    const merged = merge([file({ branches: [branch(9, "state A -> B", 5), branch(9, "state B -> A", 0)] })]);
    assert.deepEqual([merged.lines[0]?.line, merged.lines[0]?.hits], [9, 5]);
  });

  it("gives nothing for nothing", () => {
    assert.deepEqual(merge([]).lineCount, { covered: 0, total: 0 });
  });
});
