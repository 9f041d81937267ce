import assert from "node:assert/strict";
import { change, fileName, readProposal, sentence } from "../../src/review/proposal";

describe("a proposed testbench", () => {
  const answer = {
    testbench: "/x/tb_a.sv",
    exists: true,
    text: "module tb;",
    before: { overall: 23.18 },
    after: { overall: 100 },
    ended: "done",
    about: "100.0 % overall; done",
  };

  it("is read from an answer that has a text", () => {
    const proposal = readProposal("file:///x/a.sv", "a", answer);
    assert.ok(proposal);
    assert.equal(fileName(proposal), "tb_a.sv");
    assert.equal(change(proposal), "23.2 % → 100.0 %");
    assert.equal(sentence(proposal), "tb_a.sv covers 23.2 % → 100.0 % of a; done.");
    assert.equal(change({ ...proposal, before: null, after: null }), "not measured");
  });

  it("says what it is worth where it goes on from a testbench", () => {
    const better = readProposal("file:///x/a.sv", "a", { ...answer, replaces: true, about: "100.0 % overall, before 23.2 %" });
    assert.ok(better);
    assert.equal(change(better), "23.2 % → 100.0 %");
    assert.equal(sentence(better), "tb_a.sv: 100.0 % overall, before 23.2 %.");
    const beside = readProposal("file:///x/a.sv", "a", {
      ...answer,
      testbench: "/x/tb_a_more.sv",
      replaces: false,
      about: "hits 3 points",
    });
    assert.ok(beside);
    assert.equal(change(beside), "100.0 %");
    assert.equal(sentence(beside), "tb_a_more.sv: hits 3 points.");
  });

  it("is not there after a refusal, a cancel or without a server", () => {
    assert.equal(readProposal("u", "a", undefined), undefined);
    assert.equal(readProposal("u", "a", { cancelled: true }), undefined);
    assert.equal(readProposal("u", "a", { error: "no" }), undefined);
    assert.equal(readProposal("u", "a", { text: "x", testbench: null }), undefined);
  });
});
