/** The style of a report: one layout, and what its colours are, once by the editor and once by itself. */

/** Only the editor's own colours, so that every theme fits, high contrast included. */
export const EDITOR_COLOURS = `
:root {
  --paper: var(--vscode-editor-background);
  --ink: var(--vscode-foreground);
  --faint: var(--vscode-descriptionForeground);
  --rule: var(--vscode-contrastBorder, var(--vscode-widget-border, var(--vscode-panel-border)));
  --link: var(--vscode-textLink-foreground);
  --focus: var(--vscode-focusBorder);
  --good: var(--vscode-charts-green);
  --bad: var(--vscode-charts-red);
  --warn: var(--vscode-charts-yellow);
  --one: var(--vscode-charts-blue);
  --two: var(--vscode-charts-orange);
  --three: var(--vscode-charts-green);
  --four: var(--vscode-charts-purple);
  --five: var(--vscode-charts-red);
  --six: var(--vscode-foreground);
  --press: var(--vscode-button-secondaryBackground);
  --press-ink: var(--vscode-button-secondaryForeground);
  --press-rule: var(--vscode-button-border, transparent);
  --font: var(--vscode-font-family);
  --size: var(--vscode-font-size);
  --mono: var(--vscode-editor-font-family);
}
`;

/** Colours of its own, for light and dark surroundings. */
export const OWN_COLOURS = `
:root {
  --paper: #ffffff; --ink: #1f2328; --faint: #57606a; --rule: #d0d7de; --link: #0a58ca; --focus: #0a58ca;
  --good: #1a7f37; --bad: #cf222e; --warn: #9a6700;
  --one: #0a58ca; --two: #bc4c00; --three: #1a7f37; --four: #8250df; --five: #cf222e; --six: #1f2328;
  --press: #f6f8fa; --press-ink: #1f2328; --press-rule: #d0d7de;
  --font: system-ui, sans-serif; --size: 14px; --mono: ui-monospace, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16191d; --ink: #e2e6ea; --faint: #9aa4ae; --rule: #3a424a; --link: #6cb2ff; --focus: #6cb2ff;
    --good: #4ac26b; --bad: #ff7b72; --warn: #e3b341;
    --one: #6cb2ff; --two: #ffa657; --three: #4ac26b; --four: #d2a8ff; --five: #ff7b72; --six: #e2e6ea;
    --press: #242a31; --press-ink: #e2e6ea; --press-rule: #3a424a;
  }
}
`;

export const LAYOUT = `
* { box-sizing: border-box; }
body { margin: 0; padding: 0 1.5rem 3rem; background: var(--paper); color: var(--ink); font: var(--size)/1.5 var(--font); }
main { max-width: 62rem; margin: 0 auto; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 1rem; }
h1 { font-size: 1.7em; font-weight: 600; }
h2 { font-size: 1.25em; font-weight: 600; margin: 2.2rem 0 0.4rem; padding-bottom: 0.25rem; border-bottom: 1px solid var(--rule); }
p { margin: 0.5rem 0; max-width: 48rem; }
code { font-family: var(--mono); font-size: 0.95em; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.button { display: inline-block; padding: 0.25rem 0.8rem; border: 1px solid var(--press-rule); border-radius: 3px; background: var(--press); color: var(--press-ink); text-decoration: none; }
.note { color: var(--faint); }
.warning { padding: 0.3rem 0.7rem; border-left: 3px solid var(--warn); }
.facts { display: flex; flex-wrap: wrap; gap: 0.6rem 2.2rem; margin: 0.8rem 0 1rem; }
.facts div { display: flex; flex-direction: column-reverse; }
.facts dt { color: var(--faint); }
.facts dd { margin: 0; font-size: 1.5em; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: 0.2rem 0.7rem 0.2rem 0; text-align: left; vertical-align: top; font-weight: normal; }
thead th { color: var(--faint); border-bottom: 1px solid var(--rule); vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid color-mix(in srgb, var(--rule) 45%, transparent); }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.barcell { width: 16rem; vertical-align: middle; }
th[scope="row"] { white-space: nowrap; }
details { margin: 0.3rem 0; }
summary { cursor: pointer; padding: 0.15rem 0; }
svg { display: block; }
.chart { width: 100%; height: auto; margin: 0.4rem 0; overflow: visible; }
.chart text { font-size: 11px; fill: var(--faint); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); stroke-width: 0.7; }
.break { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 3 3; }
.course { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-opacity: 0.55; }
.mark { stroke: var(--paper); stroke-width: 1; }
.series-0 { fill: var(--one); } .series-1 { fill: var(--two); } .series-2 { fill: var(--three); }
.series-3 { fill: var(--four); } .series-4 { fill: var(--five); }
.series-5 { fill: none; stroke: var(--six); } .mark.stroked { stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin: 0.5rem 0; padding: 0; list-style: none; }
.legend li { display: flex; align-items: center; gap: 0.35rem; }
.symbol { width: 0.9em; height: 0.9em; overflow: visible; }
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 0.5rem 1.5rem; }
figure { margin: 0; }
figcaption { color: var(--faint); }
.bar { width: 100%; min-width: 5rem; height: 0.5rem; margin-top: 0.2rem; }
.track { fill: color-mix(in srgb, var(--rule) 55%, transparent); stroke: none; }
.fill { fill: var(--good); }
.apart { fill: var(--faint); }
.fromto { display: inline-block; width: 9rem; height: 0.9rem; vertical-align: middle; }
.fromto .track { stroke: var(--rule); stroke-width: 1; }
.way { stroke: var(--one); stroke-width: 2.5; }
.from { fill: var(--paper); stroke: var(--one); stroke-width: 1.5; }
.to { fill: var(--one); }
.answer { padding: 0 0.4rem; border: 1px solid currentColor; border-radius: 3px; }
.accepted { color: var(--good); } .rejected { color: var(--bad); } .undone { color: var(--faint); }
${[1, 2, 3, 4, 5, 6, 7, 8].map((depth) => `.depth-${depth} { padding-left: ${(depth * 1.2).toFixed(1)}rem; }`).join(" ")}
.heat { border-collapse: separate; border-spacing: 1px; font-size: 0.8em; margin: 0.3rem 0 0.6rem; }
.heat th, .heat td { padding: 0 0.15rem; text-align: center; min-width: 1.75rem; border: 0; color: var(--faint); font-variant-numeric: tabular-nums; }
.heat th[scope="row"] { text-align: left; padding-right: 0.5rem; }
.key { display: inline-block; min-width: 1.75rem; padding: 0 0.15rem; text-align: center; font-size: 0.8em; }
.heat td, .key { color: var(--ink); outline: 1px solid color-mix(in srgb, var(--rule) 60%, transparent); outline-offset: -1px; }
.heat .missed, .key.missed { outline: 1px dashed var(--bad); color: var(--bad); font-weight: 600; background: color-mix(in srgb, var(--bad) 12%, transparent); }
.heat .proved, .key.proved { color: var(--faint); }
${[14, 28, 42, 58].map((share, at) => `.heat .heat-${at + 1}, .key.heat-${at + 1} { background: color-mix(in srgb, var(--good) ${share}%, transparent); }`).join("\n")}
@media print { body { padding: 0; } .wide { overflow: visible; } nav { display: none; } }
`;
