import assert from "node:assert/strict";
import { byDesign, course, outcome, page, type Round, type Trajectory } from "../../src/trajectories/model";

const round: Round = { round: 0, policy: "closure", model: null, status: "ok", before: null, after: 97.44, kept: true, ended: null };
const one: Trajectory = {
  id: "t1",
  design: "d1",
  top: "a",
  command: "generate a",
  began: "2026-01-02T00:00:00Z",
  rounds: [round],
  acceptances: [],
  accepted: [],
};

describe("stored trajectories", () => {
  it("are grouped by design, the newest first", () => {
    const groups = byDesign([
      one,
      { ...one, id: "t2", began: "2026-01-03T00:00:00Z" },
      { ...one, id: "t3", design: "d2", top: "b", began: "2026-01-01T00:00:00Z" },
    ]);
    assert.deepEqual(
      groups.map((group) => [group.top, group.trajectories.map((each) => each.id)]),
      [
        ["a", ["t2", "t1"]],
        ["b", ["t3"]],
      ],
    );
  });

  it("tell how coverage went over the rounds that were kept", () => {
    assert.equal(course(one), "97.4 %");
    const worse = { ...round, round: 1, before: 97.44, after: 12, kept: false };
    assert.equal(course({ ...one, rounds: [{ ...round, before: 23.2 }, worse] }), "23.2 % → 97.4 %");
    assert.equal(course({ ...one, rounds: [] }), "nothing");
  });

  it("tell what became of them", () => {
    const rejected = { answer: "rejected", testbench: "x", reason: "Hard to read", at: "2026-01-02" };
    assert.equal(outcome(one), "");
    assert.equal(outcome({ ...one, acceptances: [rejected] }), "rejected");
    assert.equal(outcome({ ...one, acceptances: [rejected], accepted: ["x"] }), "accepted");
    const text = page({ ...one, acceptances: [rejected], texts: [{ reply: null, testbench_text: "module tb;\nendmodule\n" }] });
    assert.match(text, /rejected at 2026-01-02: Hard to read/);
    assert.match(text, /\| 0 \| closure \|  \| ok \| - \| 97\.4 % \| yes \|/);
    assert.match(text, /```systemverilog\nmodule tb;\nendmodule\n```/);
  });
});
