/** The parts of a report, each from the message to markup. Every chart has its numbers in a table beside it. */

import type { HoleMessage, ReportFileMessage, ReportMessage, TallyMessage, TrajectoryMessage } from "../protocol";
import { bar, courseChart, fromTo, legendSymbol, type Mark, MOST_SERIES } from "./charts";
import { heatMap } from "./heat";
import { costs, ends, gainOf, metricAfter, type Step, stepsOf } from "./history";
import { html, type Markup, NOTHING, OPEN } from "./html";
import { baseName, METRICS, moment, percent, seconds, whole } from "./words";

/** Makes a link to a line of a source; plain text where nothing can be opened. */
export type LinkTo = (uri: string, line: number, text: string) => Markup;

/** Trajectories that are told one by one. */
const MOST_TRAJECTORIES = 50;
const MOST_OPEN_ROWS = 40;
const VERDICTS: Readonly<Record<string, string>> = {
  unknown: "not hit yet",
  covered: "can be reached",
  bounded: "out of reach of short runs",
  unreachable: "proved unreachable",
};

/** All parts in their order; those without anything to tell are left out. */
export function sections(report: ReportMessage, link: LinkTo): Markup {
  const steps = stepsOf(report.trajectories);
  const measured = report.status !== null;
  if (!measured && steps.length === 0) {
    return html`<p>Nothing was measured of <code>${report.top}</code> yet, and nothing is stored of it. Generate a testbench, or save one beside the file.</p>`;
  }
  return html`${measured ? overview(report) : html`<p>Nothing was measured of <code>${report.top}</code> since the server began; this is what is stored of it.</p>`}
${course(steps, report)}
${measured ? html`${instances(report)}${ports(report)}` : NOTHING}
${cost(report.trajectories)}
${trajectories(report.trajectories)}
${measured ? holes(report, link) : NOTHING}`;
}

/** Add up the files' tallies. */
export function totals(files: readonly ReportFileMessage[]): TallyMessage[] {
  return Object.keys(METRICS).flatMap((kind) => {
    const found = files.flatMap((file) => file.tallies.filter((one) => one.kind === kind));
    const sum = (of: (one: TallyMessage) => number): number => found.reduce((all, one) => all + of(one), 0);
    return found.length === 0
      ? []
      : [{ kind, covered: sum((one) => one.covered), total: sum((one) => one.total), unreachable: sum((one) => one.unreachable) }];
  });
}

function section(id: string, title: string, body: Markup): Markup {
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${body}</section>`;
}

function scrolling(label: string, table: Markup): Markup {
  return html`<div class="wide" tabindex="0" role="group" aria-label="${label}">${table}</div>`;
}

function overview(report: ReportMessage): Markup {
  const found = totals(report.files);
  const excluded = report.files.reduce((sum, file) => sum + file.excluded, 0);
  const missed = found.reduce((sum, one) => sum + one.total - one.covered - one.unreachable, 0) - excluded;
  const facts: [string, string][] = [
    ["overall", percent(report.overall)],
    ["of what can be reached", percent(report.reachable)],
    ["holes", whole(Math.max(0, missed))],
    ["proved unreachable", whole(found.reduce((sum, one) => sum + one.unreachable, 0))],
    ...(excluded > 0 ? [["excluded", whole(excluded)] as [string, string]] : []),
    ...(report.cycles === null ? [] : [["cycles", whole(report.cycles)] as [string, string]]),
  ];
  const rows = found.map((one) => {
    const share = one.total === 0 ? null : (100 * one.covered) / one.total;
    const apart = one.total === 0 ? 0 : (100 * one.unreachable) / one.total;
    return html`<tr><th scope="row">${METRICS[one.kind] ?? one.kind}</th><td class="number">${percent(share)}</td><td class="barcell">${bar(share, apart)}</td><td class="number">${whole(one.covered)}</td><td class="number">${whole(one.total)}</td><td class="number">${whole(one.unreachable)}</td></tr>`;
  });
  const of = report.testbench === null ? "a testbench that is in no file yet" : baseName(report.testbench);
  const status = report.status === "ok" ? NOTHING : html`<p class="warning">The run ended as <code>${report.status ?? ""}</code>.</p>`;
  const stale = report.stale ? html`<p class="warning">Files have changed since this was measured.</p>` : NOTHING;
  return section(
    "overview",
    "Coverage",
    html`<p>Measured with ${of}.</p>${status}${stale}
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${scrolling("Coverage by metric", html`<table><thead><tr><th scope="col">Metric</th><th scope="col" class="number">Covered</th><td></td><th scope="col" class="number">Points hit</th><th scope="col" class="number">Points</th><th scope="col" class="number">Unreachable</th></tr></thead><tbody>${rows}</tbody></table>`)}`,
  );
}

function course(steps: readonly Step[], report: ReportMessage): Markup {
  if (steps.length === 0) {
    return NOTHING;
  }
  const policies = [...new Set(steps.map((one) => one.round.policy))];
  const marks = steps.map((one) => mark(one, policies, one.round.after));
  const breaks = steps.flatMap((one, at) => (one.isNewDesign ? [at] : []));
  const legend = policies.slice(0, MOST_SERIES).map((policy, at) => html`<li>${legendSymbol(at)} ${policy}</li>`);
  const small = Object.entries(METRICS).flatMap(([kind, name]) => {
    const values = steps.map((one) => metricAfter(one.round, kind));
    if (values.every((one) => one === null)) {
      return [];
    }
    const chart = courseChart({
      title: `${name}, round by round; the table below has the numbers`,
      marks: steps.map((one, at) => mark(one, policies, values[at] ?? null)),
      line: [],
      breaks,
      width: 340,
      height: 120,
    });
    return [html`<figure><figcaption>${name}</figcaption>${chart}</figure>`];
  });
  const rows = steps.map(
    (one) =>
      html`<tr><td><time datetime="${one.trajectory.began}">${moment(one.trajectory.began)}</time></td><td>${one.round.policy}</td><td class="number">${percent(one.round.after)}</td><td class="number">${percent(one.best)}</td>${Object.keys(METRICS).map((kind) => html`<td class="number">${percent(metricAfter(one.round, kind))}</td>`)}</tr>`,
  );
  const note = breaks.length > 0 ? html`<p class="note">A dashed line: the design changed there.</p>` : NOTHING;
  return section(
    "course",
    "Coverage over time",
    html`<p>Overall coverage after each stored round, oldest first. The line is the most that was reached of the design as it was then${report.overall === null ? "" : `; now it is ${percent(report.overall)}`}.</p>
<ul class="legend">${legend}</ul>${courseChart({ title: "Overall coverage, round by round; the table below has the numbers", marks, line: steps.map((one) => one.best), breaks })}${note}
<div class="small">${small}</div>
<details><summary>Numbers</summary>${scrolling("Coverage of each round", html`<table><thead><tr><th scope="col">Began</th><th scope="col">Policy</th><th scope="col" class="number">Overall</th><th scope="col" class="number">Most so far</th>${Object.values(METRICS).map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`)}</details>`,
  );
}

function mark(step: Step, policies: readonly string[], value: number | null): Mark {
  const kept = step.round.kept ? "" : ", not kept";
  return {
    value,
    series: policies.indexOf(step.round.policy),
    hint: `${step.round.policy}: ${percent(value)}${kept} (${moment(step.trajectory.began)})`,
  };
}

function instances(report: ReportMessage): Markup {
  if (report.instances.length === 0) {
    return NOTHING;
  }
  const kinds = Object.keys(METRICS).filter((kind) => report.instances.some((one) => one.tallies.some((tally) => tally.kind === kind)));
  const rows = report.instances.map((one, at) => {
    const depth = at === 0 ? 0 : Math.min(8, one.path.split(".").length);
    const name = at === 0 ? one.path : (one.path.split(".").at(-1) ?? one.path);
    const cells = kinds.map((kind) => {
      const tally = one.tallies.find((each) => each.kind === kind);
      const share = tally === undefined || tally.total === 0 ? null : (100 * tally.covered) / tally.total;
      const hint = tally === undefined ? "" : `${whole(tally.covered)} of ${whole(tally.total)} points`;
      return html`<td class="number" title="${hint}">${percent(share)}${bar(share)}</td>`;
    });
    const module = at === 0 || one.module === "" ? NOTHING : html` <span class="note">${one.module}</span>`;
    return html`<tr><th scope="row" class="depth-${depth}" title="${one.path}"><code>${name}</code>${module}</th>${cells}</tr>`;
  });
  const table = html`<table><thead><tr><th scope="col">Instance</th>${kinds.map((kind) => html`<th scope="col" class="number">${METRICS[kind] ?? kind}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`;
  return section(
    "instances",
    "Instances",
    html`<p>Each instance by itself. A point of a module counts as covered above if any of its instances hit it.</p>
<details${rows.length <= MOST_OPEN_ROWS ? OPEN : NOTHING}><summary>${whole(rows.length)} instance${rows.length === 1 ? "" : "s"}</summary>${scrolling("Coverage by instance", table)}</details>`,
  );
}

function ports(report: ReportMessage): Markup {
  if (report.ports.length === 0) {
    return NOTHING;
  }
  return section(
    "ports",
    "Bits of the ports",
    html`<p>How often each bit rose and fell. Ports with edges that were never seen come first.</p>
<ul class="legend keys"><li><span class="key missed">0</span> never</li><li><span class="key heat-1">3</span> below ten</li><li><span class="key heat-2">30</span> tens</li><li><span class="key heat-3">300</span> hundreds</li><li><span class="key heat-4">3k</span> thousands</li><li><span class="key proved">×</span> proved impossible</li></ul>
${heatMap(report.ports)}`,
  );
}

function cost(stored: readonly TrajectoryMessage[]): Markup {
  const found = costs(stored);
  if (found.length === 0) {
    return NOTHING;
  }
  const rows = found.map((one) => {
    const each = one.gained > 0 ? seconds(one.seconds / one.gained) : "–";
    const tokens = one.tokens === null ? "–" : whole(one.tokens);
    const tokensEach = one.tokens === null || one.gained === 0 ? "–" : whole(Math.round(one.tokens / one.gained));
    return html`<tr><th scope="row">${one.policy}${one.model === "" ? NOTHING : html` <span class="note">${one.model}</span>`}</th><td class="number">${whole(one.rounds)}</td><td class="number">${whole(one.gained)}</td><td class="number">${seconds(one.seconds)}</td><td class="number">${each}</td><td class="number">${tokens}</td><td class="number">${tokensEach}</td></tr>`;
  });
  return section(
    "cost",
    "What a point costs",
    html`<p>Points that rounds added to what was hit before them, against the time of policy and judge together and the tokens of prompts and replies. Rounds that were thrown away cost, and gain nothing.</p>
${scrolling("Cost by policy", html`<table><thead><tr><th scope="col">Policy</th><th scope="col" class="number">Rounds</th><th scope="col" class="number">Points gained</th><th scope="col" class="number">Time</th><th scope="col" class="number">Time a point</th><th scope="col" class="number">Tokens</th><th scope="col" class="number">Tokens a point</th></tr></thead><tbody>${rows}</tbody></table>`)}`,
  );
}

function trajectories(stored: readonly TrajectoryMessage[]): Markup {
  if (stored.length === 0) {
    return NOTHING;
  }
  const shown = [...stored].reverse().slice(0, MOST_TRAJECTORIES);
  const cut =
    stored.length > shown.length ? html`<p class="note">${whole(stored.length - shown.length)} older ones are not shown.</p>` : NOTHING;
  return section(
    "trajectories",
    "Trajectories",
    html`<p>How each testbench came about, the newest first.</p>${shown.map((one, at) => trajectory(one, at === 0))}${cut}`,
  );
}

function trajectory(one: TrajectoryMessage, isOpen: boolean): Markup {
  const { before, after } = ends(one);
  const answer = one.answer === "" ? NOTHING : html` <span class="answer ${one.answer}">${one.answer}</span>`;
  const rows = one.rounds.map(
    (round) =>
      html`<tr><th scope="row">${round.number}</th><td>${round.policy}${round.model === null ? NOTHING : html` <span class="note">${round.model}</span>`}</td><td>${round.status ?? "no testbench"}</td><td class="number">${percent(round.before)}</td><td class="number">${percent(round.after)}</td><td class="number">${whole(gainOf(round))}</td><td>${round.kept ? "yes" : "no"}</td><td class="number">${seconds(round.seconds)}</td><td class="number">${round.tokens === null ? "–" : whole(round.tokens)}</td></tr>`,
  );
  const table = html`<table><thead><tr><th scope="col">Round</th><th scope="col">Policy</th><th scope="col">Run</th><th scope="col" class="number">Before</th><th scope="col" class="number">After</th><th scope="col" class="number">Points gained</th><th scope="col">Kept</th><th scope="col" class="number">Time</th><th scope="col" class="number">Tokens</th></tr></thead><tbody>${rows}</tbody></table>`;
  return html`<details class="trajectory"${isOpen ? OPEN : NOTHING}>
<summary><time datetime="${one.began}">${moment(one.began)}</time> ${fromTo(before, after)} ${before === null ? "" : `${percent(before)} → `}${percent(after)}${answer} <span class="note">${one.command}</span></summary>
${scrolling("Rounds", table)}</details>`;
}

function holes(report: ReportMessage, link: LinkTo): Markup {
  const files = report.files.filter((file) => file.holes.length > 0);
  if (files.length === 0) {
    return section("holes", "Holes", html`<p>There are none.</p>`);
  }
  const isOpen = files.reduce((sum, file) => sum + file.holes.length, 0) <= MOST_OPEN_ROWS;
  const lists = files.map((file) => {
    const rows = file.holes.map((hole) => holeRow(file.uri, hole, link));
    const cut = file.leftOut > 0 ? html`<p class="note">${whole(file.leftOut)} more are not shown.</p>` : NOTHING;
    const table = html`<table><thead><tr><th scope="col">Line</th><th scope="col">What was missed</th><th scope="col">What is known</th></tr></thead><tbody>${rows}</tbody></table>`;
    return html`<details${isOpen ? OPEN : NOTHING}><summary>${baseName(file.uri)} <span class="note">${whole(file.holes.length + file.leftOut)}</span></summary>${scrolling(`Holes of ${baseName(file.uri)}`, table)}${cut}</details>`;
  });
  return section("holes", "Holes", html`${lists}`);
}

function holeRow(uri: string, hole: HoleMessage, link: LinkTo): Markup {
  const known = VERDICTS[hole.verdict] ?? hole.verdict;
  const reason = hole.reason === "" || hole.verdict === "unknown" ? NOTHING : html` <span class="note">${hole.reason}</span>`;
  return html`<tr><td class="number">${link(uri, hole.line, String(hole.line))}</td><td>${hole.sentence}</td><td>${known}${reason}</td></tr>`;
}
