import assert from "node:assert/strict";
import { change, fileName, readProposal } from "../../src/review/proposal";

describe("a proposed testbench", () => {
  const answer = {
    testbench: "/x/tb_a.sv",
    exists: true,
    text: "module tb;",
    before: { overall: 23.18 },
    after: { overall: 100 },
    ended: "done",
  };

  it("is read from an answer that has a text", () => {
    const proposal = readProposal("file:///x/a.sv", "a", answer);
    assert.ok(proposal);
    assert.equal(fileName(proposal), "tb_a.sv");
    assert.equal(change(proposal), "23.2 % → 100.0 %");
    assert.equal(change({ ...proposal, before: null, after: null }), "not measured");
  });

  it("is not there after a refusal, a cancel or without a server", () => {
    assert.equal(readProposal("u", "a", undefined), undefined);
    assert.equal(readProposal("u", "a", { cancelled: true }), undefined);
    assert.equal(readProposal("u", "a", { error: "no" }), undefined);
    assert.equal(readProposal("u", "a", { text: "x", testbench: null }), undefined);
  });
});
