import assert from "node:assert/strict";
import { headOf, hunksOf, keepHunks, keepSequences, type SequencePart, sizeOf } from "../../src/review/parts";

const TEXT = ["head", "task a", "end", "task b", "end", "run a", "run b", "tail", ""].join("\n");
const SEQUENCES: SequencePart[] = [
  {
    name: "a",
    comment: "",
    lines: [
      [2, 3],
      [6, 6],
    ],
  },
  {
    name: "b",
    comment: "",
    lines: [
      [4, 5],
      [7, 7],
    ],
  },
];

describe("a part of a testbench", () => {
  it("is without the sequences that are not kept", () => {
    assert.equal(keepSequences(TEXT, SEQUENCES, new Set(["b"])), "head\ntask b\nend\nrun b\ntail\n");
    assert.equal(keepSequences(TEXT, SEQUENCES, new Set(["a", "b"])), TEXT);
    assert.equal(keepSequences(TEXT, SEQUENCES, new Set()), "head\ntail\n");
  });

  it("has the changes that are kept, each at its place", () => {
    const before = "a\nb\nc\nd\ne\nf\n";
    const after = "a\nB\nc\nd\nnew\nnewer\ne\n";
    const hunks = hunksOf(before, after);
    assert.deepEqual(
      hunks.map((one) => [one.first, one.end, one.removed, one.added]),
      [
        [1, 2, ["b"], ["B"]],
        [4, 4, [], ["new", "newer"]],
        [5, 6, ["f"], []],
      ],
    );
    assert.deepEqual(hunks.map(sizeOf), ["+1 −1", "+2", "−1"]);
    const [first, second, third] = hunks;
    assert.ok(first && second && third);
    assert.equal(keepHunks(before, hunks, new Set([second])), "a\nb\nc\nd\nnew\nnewer\ne\nf\n");
    assert.equal(keepHunks(before, hunks, new Set([first, third])), "a\nB\nc\nd\ne\n");
  });

  it("is the whole with all changes and the old text with none, whatever the texts are", () => {
    let state = 7;
    const draw = (most: number): number => (state = (state * 48271) % 2147483647) % most;
    for (let round = 0; round < 200; round++) {
      const text = (): string => Array.from({ length: draw(12) }, () => "abc".charAt(draw(3))).join("\n");
      const [before, after] = [text(), text()];
      const hunks = hunksOf(before, after);
      assert.equal(keepHunks(before, hunks, new Set(hunks)), after);
      assert.equal(keepHunks(before, hunks, new Set()), before);
    }
  });

  it("takes what lies between common ends as one change where texts are long", () => {
    const lines = (word: string): string =>
      ["same", ...Array.from({ length: 3000 }, (_, at) => `${word}${at % 7 === 0 ? "" : at}`), "end"].join("\n");
    const [hunk, ...others] = hunksOf(lines("a"), lines("b"));
    assert.deepEqual([hunk?.first, hunk?.end, others.length], [1, 3001, 0]);
    assert.deepEqual(hunksOf("same", "same"), []);
  });

  it("is named by the line that tells most of it", () => {
    const [hunk] = hunksOf("x", "\n  // why\n  run;\nx");
    assert.equal(hunk && headOf(hunk), "// why");
    const [blank] = hunksOf("x", "\n\nx");
    assert.equal(blank && headOf(blank), "blank lines");
  });
});
