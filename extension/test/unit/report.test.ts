import assert from "node:assert/strict";
import type { BitMessage, PortMessage, ReportMessage, RoundMessage, TrajectoryMessage } from "../../src/protocol";
import { courseChart, MOST_SERIES, span } from "../../src/report/charts";
import { heat, heatMap, missing } from "../../src/report/heat";
import { costs, ends, gainOf, metricAfter, stepsOf } from "../../src/report/history";
import { html, Markup } from "../../src/report/html";
import { editorPage, exportedPage } from "../../src/report/page";
import { totals } from "../../src/report/sections";
import { EDITOR_COLOURS, LAYOUT, OWN_COLOURS } from "../../src/report/styles";
import { baseName, brief, moment, percent, seconds, whole } from "../../src/report/words";

const NASTY = `<img src=x onerror="alert('1')">&`;
const round: RoundMessage = {
  number: 1,
  policy: "random",
  model: null,
  status: "ok",
  before: null,
  after: 40,
  kept: true,
  coveredBefore: null,
  covered: 4,
  tallies: [{ kind: "line", covered: 4, total: 10, unreachable: 0 }],
  seconds: 2,
  tokens: null,
};
const second: RoundMessage = {
  ...round,
  number: 2,
  policy: "llama",
  model: "small.gguf",
  before: 40,
  after: 70,
  coveredBefore: 4,
  covered: 7,
  seconds: 30,
  tokens: 900,
};
const stored: TrajectoryMessage = {
  id: "t1",
  design: "d1",
  command: "generate a",
  began: "2026-01-02T10:30:00Z",
  answer: "",
  rounds: [round, second],
};
const bit: BitMessage = { label: "[0]", rose: 3, fell: 0, neverRises: false, neverFalls: false };
const port: PortMessage = { name: "q", direction: "output", line: 2, bits: [bit], leftOut: 0 };
const report: ReportMessage = {
  uri: "file:///a%20b/top.sv",
  top: "top",
  version: "1.2",
  testbench: "file:///a%20b/tb_top.sv",
  status: "ok",
  stale: false,
  overall: 99.99,
  reachable: 100,
  cycles: 12_345,
  seconds: 1,
  files: [
    {
      uri: "file:///a%20b/top.sv",
      tallies: [{ kind: "line", covered: 3, total: 6, unreachable: 1 }],
      excluded: 1,
      holes: [{ id: "h", kind: "line", line: 7, column: 2, sentence: NASTY, detail: "", verdict: "unreachable", reason: NASTY, points: 1 }],
      leftOut: 4,
    },
  ],
  instances: [
    { path: "top", module: "top", tallies: [{ kind: "line", covered: 1, total: 2, unreachable: 0 }] },
    { path: "u_a.u_b", module: NASTY, tallies: [] },
  ],
  ports: [port],
  trajectories: [stored],
};
const links = { refresh: "command:r", export: "command:e", open: (uri: string, line: number) => `command:o?${uri}:${line}` };

/** Which elements a page has, and which attributes. */
function elements(text: string): string[] {
  return [...text.matchAll(/<([a-z][a-z0-9]*)/gi)].map((match) => match[1] ?? "");
}

describe("markup", () => {
  it("escapes what is not markup, in texts and attributes", () => {
    assert.equal(html`<p title="${NASTY}">${NASTY}${3}</p>`.text.includes("<img"), false);
    assert.equal(html`${`"'`}`.text, "&quot;&#39;");
  });

  it("takes markup and lists of it as they are", () => {
    assert.equal(html`<ul>${[new Markup("<li>a</li>"), html`<li>${"<"}</li>`]}</ul>`.text, "<ul><li>a</li><li>&lt;</li></ul>");
  });
});

describe("numbers of a report", () => {
  it("never say more than there is", () => {
    assert.deepEqual([0, 999, 1000, 1999, 2_500_000].map(brief), ["0", "999", "1k", "1k", "2M"]);
    assert.deepEqual([percent(99.99), percent(null), whole(1234567)], ["99.9 %", "–", "1,234,567"]);
    assert.deepEqual([0.0372, 9.96, 61.4, 3725].map(seconds), ["0.037 s", "10 s", "61 s", "62 min 5 s"]);
  });

  it("give moments in UTC and files by their names", () => {
    assert.equal(moment("2026-01-02T10:30:59.5+00:00"), "2026-01-02 10:30 UTC");
    assert.equal(moment("some day"), "some day");
    assert.equal(baseName("file:///a%20b/top%20level.sv"), "top level.sv");
  });
});

describe("the history of a design", () => {
  it("is a row of rounds with the best of each version of the design", () => {
    const worse = { ...stored, id: "t2", rounds: [{ ...round, after: 20, kept: false }] };
    const changed = { ...stored, id: "t3", design: "d2", rounds: [{ ...round, after: null, covered: null, status: null }, round] };
    const steps = stepsOf([stored, worse, changed, { ...stored, rounds: [{ ...round, after: 10 }] }]);
    assert.deepEqual(
      steps.map((one) => [one.best, one.isNewDesign]),
      [
        [40, false],
        [70, false],
        [70, false],
        [null, true],
        [40, false],
        [70, true],
      ],
    );
  });

  it("counts what was gained by rounds that were kept, and what all of them cost", () => {
    assert.deepEqual([round, second, { ...second, kept: false }, { ...second, covered: null }].map(gainOf), [4, 3, 0, 0]);
    const [random, llama] = costs([stored, { ...stored, rounds: [{ ...second, kept: false }] }]);
    assert.deepEqual(random, { policy: "random", model: "", rounds: 1, gained: 4, seconds: 2, tokens: null });
    assert.deepEqual(llama, { policy: "llama", model: "small.gguf", rounds: 2, gained: 3, seconds: 60, tokens: 1800 });
  });

  it("tells where a trajectory began and ended", () => {
    assert.deepEqual(ends(stored), { before: null, after: 70 });
    assert.deepEqual(ends({ ...stored, rounds: [second, { ...second, after: 10, kept: false }] }), { before: 40, after: 70 });
    assert.deepEqual(ends({ ...stored, rounds: [] }), { before: null, after: null });
    assert.deepEqual([metricAfter(round, "line"), metricAfter(round, "fsm")], [40, null]);
  });
});

describe("a chart", () => {
  it("shows whole tens around its values", () => {
    assert.deepEqual(span([97.4, null]), [80, 100]);
    assert.deepEqual(span([3]), [0, 20]);
    assert.deepEqual(span([42.5, 88]), [40, 90]);
    assert.deepEqual(span([null]), [0, 100]);
  });

  it("keeps its marks inside, and its line apart at gaps and breaks", () => {
    const marks = [10, null, 60, 100].map((value, at) => ({ value, series: at, hint: `round ${at}` }));
    const { text } = courseChart({ title: "a <title>", marks, line: [10, null, 60, 100], breaks: [3] });
    assert.match(text, /aria-label="a &lt;title&gt;"/);
    assert.equal(text.match(/class="mark/g)?.length, 3);
    assert.equal(text.match(/class="break"/g)?.length, 1);
    const [, path] = /class="course" d="([^"]*)"/.exec(text) ?? [];
    assert.equal(path?.match(/M/g)?.length, 3);
    const places = [...text.matchAll(/c[xy]="([\d.]+)"/g)].map((match) => Number(match[1]));
    assert.ok(places.length > 0 && places.every((one) => one >= 0 && one <= 720));
  });

  it("tells as many series apart as it says", () => {
    const marks = Array.from({ length: MOST_SERIES }, (_, at) => ({ value: 50, series: at, hint: "" }));
    const { text } = courseChart({ title: "", marks, line: [], breaks: [] });
    const shapes = [...text.matchAll(/<(\w+) class="mark series-(\d)/g)].map((match) => match[2]);
    assert.deepEqual(
      shapes,
      marks.map((_, at) => String(at)),
    );
    for (let at = 0; at < MOST_SERIES; at++) {
      assert.ok(LAYOUT.includes(`.series-${at} `));
    }
  });
});

describe("the bits of a port", () => {
  it("are told by how often they rose and fell, and by what was proved", () => {
    const proved = { ...bit, label: "[1]", rose: 0, neverRises: true, fell: 1234 };
    const { text } = heatMap([{ ...port, bits: [proved, bit] }]);
    assert.match(text, /title="q\[1\] proved: never rose">×</);
    assert.match(text, /class="heat-4" title="q\[1\] fell 1,234 times">1k</);
    assert.match(text, /class="missed" title="q\[0\] never fell">0</);
    assert.match(text, /1 of 4 edges never seen/);
    assert.deepEqual([0, 1, 9, 10, 100, 1000, 1e9].map(heat), [0, 1, 1, 2, 3, 4, 4]);
  });

  it("come in rows of 32, what misses most first, what misses nothing folded", () => {
    const bits = Array.from({ length: 40 }, (_, at) => ({ ...bit, label: `[${39 - at}]` }));
    const whole = { ...port, name: "whole", bits: [{ ...bit, fell: 1 }] };
    const { text } = heatMap([whole, port, { ...port, name: "wide", bits, leftOut: 3 }]);
    assert.equal(missing(whole), 0);
    assert.equal(text.match(/<tbody>/g)?.length, 4);
    assert.ok(text.indexOf("wide") < text.indexOf("<code>q</code>") && text.indexOf("<code>q</code>") < text.indexOf("whole"));
    assert.match(text, /Every edge was seen of one port/);
    assert.match(text, /3 more bits are not shown/);
    assert.equal(text.match(/<details[^>]* open/g)?.length, 2);
  });
});

describe("a report", () => {
  const exported = exportedPage(report, "2026-01-03T08:00:00Z", "abc");
  const shown = editorPage(report, links, "abc");

  it("has what was measured, what it cost and what is left", () => {
    assert.match(exported, /99\.9 %/);
    assert.match(exported, /Measured with tb_top\.sv/);
    assert.match(exported, /<dt>holes<\/dt><dd>1<\/dd>/);
    assert.match(exported, /4 more are not shown/);
    assert.match(exported, /Made <time datetime="2026-01-03T08:00:00Z">2026-01-03 08:00 UTC<\/time> by llm4cov-lsp 1\.2/);
    for (const id of ["overview", "course", "instances", "ports", "cost", "trajectories", "holes"]) {
      assert.ok(exported.includes(`<section aria-labelledby="${id}"><h2 id="${id}">`), id);
    }
    assert.deepEqual(totals([...report.files, ...report.files]), [{ kind: "line", covered: 6, total: 12, unreachable: 2 }]);
  });

  it("takes nothing from elsewhere and runs nothing, whatever names and texts say", () => {
    for (const text of [exported, shown]) {
      const used = new Set(elements(text));
      for (const one of ["script", "img", "iframe", "link", "object", "embed", "form", "base"]) {
        assert.ok(!used.has(one), one);
      }
      assert.doesNotMatch(text.replace(/&[a-z]+;[^<]*/g, ""), /<[^>]* on\w+=/);
      assert.doesNotMatch(text, /<[^>]* style="/);
      assert.doesNotMatch(text, /url\(|@import|https?:/);
      assert.match(text, /content="default-src 'none'; style-src 'nonce-abc'; base-uri 'none'; form-action 'none'"/);
      assert.equal(text.match(/<style/g)?.length, 1);
      assert.match(text, /<style nonce="abc">/);
    }
  });

  it("calls commands in the editor alone", () => {
    assert.deepEqual([...shown.matchAll(/href="([^"]*)"/g)].map((match) => match[1]).sort(), [
      "command:e",
      "command:o?file:///a%20b/top.sv:7",
      "command:r",
    ]);
    assert.doesNotMatch(exported, /href=/);
  });

  it("closes what it opens", () => {
    for (const text of [exported, shown]) {
      const open: string[] = [];
      for (const [, slash, name] of text.replace(/<!DOCTYPE html>|<meta[^>]*>/g, "").matchAll(/<(\/?)([a-z][a-z0-9]*)/gi)) {
        if (slash === "") {
          open.push(name ?? "");
        } else {
          assert.equal(open.pop(), name);
        }
      }
      assert.deepEqual(open, []);
    }
  });

  it("can be read by keyboard and by ear", () => {
    for (const [svg] of exported.matchAll(/<svg [^>]*>/g)) {
      assert.match(svg, /aria-hidden="true"|role="img"/);
    }
    for (const [wide] of exported.matchAll(/<div class="wide"[^>]*>/g)) {
      assert.match(wide, /tabindex="0" role="group" aria-label="[^"]+"/);
    }
  });

  it("says what it can where nothing was measured or stored", () => {
    const bare = { ...report, status: null, overall: null, reachable: null, testbench: null, files: [], instances: [], ports: [] };
    assert.match(exportedPage({ ...bare, trajectories: [] }, "", "n"), /Nothing was measured of <code>top<\/code> yet/);
    const history = exportedPage(bare, "", "n");
    assert.match(history, /this is what is stored of it/);
    assert.doesNotMatch(history, /id="overview"/);
    assert.match(history, /id="course"/);
    assert.match(exportedPage({ ...report, trajectories: [], stale: true, status: "run_failed" }, "", "n"), /Files have changed[\s\S]*<h2/);
  });

  it("has the editor's colours there, and both light and dark of its own elsewhere", () => {
    const named = [...LAYOUT.matchAll(/var\((--[a-z-]+)/g)].map((match) => match[1] ?? "");
    for (const name of new Set(named)) {
      assert.ok(EDITOR_COLOURS.includes(`${name}:`), name);
      const [light, dark] = OWN_COLOURS.split("@media");
      const isColour = !["--font", "--size", "--mono"].includes(name);
      assert.ok(light?.includes(`${name}:`) === true && (!isColour || dark?.includes(`${name}:`) === true), name);
    }
    assert.doesNotMatch(EDITOR_COLOURS + LAYOUT, /#[0-9a-f]{3,8}\b|\brgb/);
  });
});
