import assert from "node:assert/strict";
import type { AdapterMessage, LearningMessage } from "../../src/protocol";
import { change, gain, live, schedule, standing, summary } from "../../src/trajectories/learning";

const better: AdapterMessage = {
  id: "0aa1",
  base: "small@1",
  made: "2026-01-02T00:00:00Z",
  live: true,
  examples: 12,
  before: 41,
  after: 99.99,
  gainLow: 1.5,
  gainHigh: 9.5,
};
const worse: AdapterMessage = { ...better, id: "0bb2", live: false, after: 40.5, gainLow: -2.1, gainHigh: 0.4 };
const unmeasured: AdapterMessage = { ...worse, id: "0cc3", before: null, after: null, gainLow: null, gainHigh: null };
const learning: LearningMessage = { adapters: [worse, better], schedule: "off", running: false };

describe("what was learned", () => {
  it("is told by what it changed on held-out designs", () => {
    assert.deepEqual([better, worse, unmeasured].map(change), ["41.0 % → 99.9 %", "41.0 % → 40.5 %", "not measured"]);
    assert.deepEqual([better, worse, unmeasured].map(gain), ["+1.5 to +9.5 with 95 %", "−2.1 to +0.4 with 95 %", ""]);
    assert.deepEqual([better, worse, unmeasured].map(standing), ["live", "not better", "not live"]);
  });

  it("is summed up by the last result", () => {
    assert.equal(summary(learning), "41.0 % → 40.5 %, not better");
    assert.equal(summary({ ...learning, adapters: [], running: true }), "runs now · nothing learned yet");
    assert.deepEqual(live(learning), [better]);
  });

  it("says when it goes on by itself", () => {
    assert.equal(schedule(learning), "only when asked");
    assert.equal(schedule({ ...learning, schedule: "weekly" }), "weekly, while nothing else is to do");
  });
});
