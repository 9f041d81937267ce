import assert from "node:assert/strict";
import { filterWords, holesTree, labelOf, NO_FILTER } from "../../src/holes/model";
import type { CoverageMessage, HoleMessage } from "../../src/protocol";

function hole(part: Partial<HoleMessage>): HoleMessage {
  return {
    id: "a",
    kind: "line",
    line: 3,
    column: 1,
    sentence: "Block at line 3 never executed.",
    detail: "",
    verdict: "unknown",
    reason: "",
    points: 1,
    ...part,
  };
}

function message(top: string, holes: readonly HoleMessage[]): CoverageMessage {
  const file = { uri: "file:///a.sv", lines: [], branches: [], declarations: [], tallies: [], holes };
  return {
    ...{ uri: "file:///a.sv", top, kind: "measure", interim: false, asked: false, testbench: null, status: "ok" },
    ...{ overall: 91.25, reachable: 95, cycles: 10, seconds: 1, problems: [], files: [file] },
  };
}

describe("the tree of holes", () => {
  const toggle = hole({ id: "t", kind: "toggle", points: 4, sentence: "count[3:2] never toggled (line 9)." });
  const proved = hole({ id: "p", verdict: "unreachable", reason: "EN is 0" });

  it("groups by module and kind, with what is proved behind the rest", () => {
    const [module] = holesTree([message("b", [proved, hole({ id: "o" }), toggle])]);
    assert.ok(module);
    assert.equal(module.description, "91.3 % · 5 holes · 1 unreachable");
    assert.deepEqual(
      module.kinds.map((kind) => [kind.kind, kind.points, kind.holes.map((entry) => entry.hole.id)]),
      [
        ["line", 2, ["o", "p"]],
        ["toggle", 4, ["t"]],
      ],
    );
  });

  it("sorts modules by name and keeps those without holes", () => {
    const tree = holesTree([message("b", []), message("a", [toggle])]);
    assert.deepEqual(
      tree.map((module) => [module.top, module.kinds.length]),
      [
        ["a", 1],
        ["b", 0],
      ],
    );
  });

  it("filters by kind, verdict and words, without changing what is counted", () => {
    const all = [message("a", [proved, hole({ id: "o" }), toggle])];
    const ids = (filter: Partial<typeof NO_FILTER>): string[] =>
      holesTree(all, { ...NO_FILTER, ...filter }).flatMap((module) =>
        module.kinds.flatMap((kind) => kind.holes.map((entry) => entry.hole.id)),
      );
    assert.deepEqual(ids({ kinds: ["toggle"] }), ["t"]);
    assert.deepEqual(ids({ verdicts: ["unreachable"] }), ["p"]);
    assert.deepEqual(ids({ text: "en IS" }), ["p"]);
    const file = all[0]?.files[0]?.uri.split("/").at(-1) ?? "";
    assert.equal(ids({ text: file.toUpperCase() }).length, 3);
    assert.equal(holesTree(all, { ...NO_FILTER, text: "nothing like it" })[0]?.description, "91.3 % · 5 holes · 1 unreachable");
    assert.equal(filterWords(NO_FILTER), "");
    assert.equal(filterWords({ kinds: ["line"], verdicts: ["bounded"], text: "x" }), 'Only: line, out of reach of short runs, "x"');
  });

  it("names a hole by what was missed", () => {
    assert.equal(labelOf(hole({ sentence: "FSM u_rx.state: never went A -> B (line 9)." })), "Never went A -> B");
    assert.equal(labelOf(toggle), "count[3:2] never toggled");
    assert.equal(labelOf(hole({ sentence: "Case item `A` at line 3 was never chosen." })), "Case item A was never chosen");
  });
});
