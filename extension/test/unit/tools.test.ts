import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { HoleMessage, ReportMessage } from "../../src/protocol";
import { coverageAnswer, generatedAnswer, holesAnswer, MOST_CHARACTERS, USUAL_HOLES } from "../../src/tools/answers";

const hole: HoleMessage = {
  id: "h",
  kind: "branch",
  line: 7,
  column: 2,
  sentence: "The `else` at line 7 was never taken.",
  detail: "",
  verdict: "unknown",
  reason: "",
  points: 1,
};
const report: ReportMessage = {
  uri: "file:///a/top.sv",
  top: "top",
  version: "1",
  testbench: "file:///a/tb_top.sv",
  status: "ok",
  stale: false,
  overall: 99.99,
  reachable: 100,
  cycles: 10,
  seconds: 1,
  files: [
    {
      uri: "file:///a/top.sv",
      tallies: [{ kind: "line", covered: 1999, total: 2000, unreachable: 1 }],
      excluded: 0,
      holes: [{ ...hole, verdict: "unreachable", reason: "proved", kind: "toggle", line: 3 }, hole],
      leftOut: 0,
    },
  ],
  instances: [],
  ports: [],
  trajectories: [],
};

describe("what a language model is told", () => {
  it("is exact of coverage", () => {
    assert.equal(
      coverageAnswer(report),
      [
        "top: run ok; overall 99.9 %, 100.0 % of what can be reached.",
        "Testbench: file:///a/tb_top.sv",
        "Lines: 99.9 % (1,999 of 2,000 points, 1 proved unreachable)",
      ].join("\n"),
    );
    assert.match(coverageAnswer({ ...report, stale: true, testbench: null }), /in no file yet\.\nFiles have changed/);
    assert.equal(coverageAnswer({ ...report, status: null }), "Nothing was measured of top.");
  });

  it("has the holes that may be reached before those that can't", () => {
    const [head, first, second] = holesAnswer(report, {}).split("\n");
    assert.equal(head, "top: 1 open and 1 proved unreachable; overall 99.9 %.");
    assert.equal(first, "- file:///a/top.sv line 7, branch: The `else` at line 7 was never taken.");
    assert.match(second ?? "", /line 3, toggle: .* \[unreachable: proved\]$/);
  });

  it("has as many holes as were asked for, of the kind that was asked for", () => {
    assert.doesNotMatch(holesAnswer(report, { kind: "toggle" }), /branch:/);
    assert.match(holesAnswer(report, { kind: "fsm" }), /no holes of the kind fsm/);
    assert.match(holesAnswer(report, { most: 1 }), /1 more are left out\.$/);
    const many = Array.from({ length: USUAL_HOLES + 5 }, () => hole);
    const file = { uri: "file:///a", tallies: [], excluded: 0, holes: many, leftOut: 9 };
    const text = holesAnswer({ ...report, files: [file] }, { most: undefined });
    assert.equal(text.match(/^- /gm)?.length, USUAL_HOLES);
    assert.match(text, /25 open and 0 proved unreachable, and 9 more that are not listed/);
  });

  it("has a testbench, the beginning of a long one, and who decides about it", () => {
    const one = { text: "module tb;\nendmodule\n", path: "/a/tb.sv", before: null, after: 97.44, ended: "everything was reached" };
    assert.match(
      generatedAnswer(one),
      /covers 97\.4 %; everything was reached\.\nIt is for \/a\/tb\.sv.*user reviews[\s\S]*endmodule\n```$/,
    );
    const long = generatedAnswer({ ...one, before: 20, text: "x".repeat(MOST_CHARACTERS + 1) });
    assert.ok(long.length < MOST_CHARACTERS + 500);
    assert.match(long, /before: 20\.0 %[\s\S]*The first 24,000 of its 24,001 characters/);
  });
});

describe("the tools in the manifest", () => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
    contributes: { languageModelTools: { name: string; when: string; modelDescription: string; inputSchema: { required: string[] } }[] };
  };
  const code = readFileSync("src/tools/tools.ts", "utf8");

  it("are those that are registered, for workspaces that are trusted", () => {
    const names = manifest.contributes.languageModelTools.map((one) => one.name).sort();
    const registered = [...code.matchAll(/registerTool<\w+>\("(\w+)"/g)].map((match) => match[1]).sort();
    assert.deepEqual(names, registered);
    for (const one of manifest.contributes.languageModelTools) {
      assert.equal(one.when, "isWorkspaceTrusted");
      assert.deepEqual(one.inputSchema.required, ["file"]);
    }
  });
});
