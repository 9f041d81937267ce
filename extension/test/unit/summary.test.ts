import assert from "node:assert/strict";
import type { CoverageMessage, FileMessage } from "../../src/protocol";
import { percentText, summary } from "../../src/testing/summary";

const file: FileMessage = { uri: "file:///a.sv", lines: [], branches: [], declarations: [], tallies: [], holes: [] };
const message: CoverageMessage = {
  uri: "file:///a.sv",
  top: "a",
  kind: "measure",
  interim: false,
  asked: true,
  testbench: null,
  status: "ok",
  overall: 99.99,
  reachable: 100,
  cycles: 10,
  seconds: 1,
  problems: [],
  files: [
    { ...file, tallies: [{ kind: "line", covered: 3, total: 4, unreachable: 0 }] },
    { ...file, tallies: [{ kind: "line", covered: 1, total: 1, unreachable: 0 }] },
  ],
};

describe("a summary", () => {
  it("never rounds to what is not so", () => {
    assert.equal(percentText(99.99), "99.9");
    assert.equal(percentText(100), "100.0");
    assert.equal(percentText(0.01), "0.1");
    assert.equal(percentText(0), "0.0");
    assert.equal(percentText(45.25), "45.3");
  });

  it("adds up the files", () => {
    assert.equal(summary(message), "99.9 % overall (line 4/5)");
    assert.equal(summary({ ...message, overall: null }), "measured");
    assert.equal(summary(undefined), "measured");
  });
});
