/** A report as a whole page: in the editor with its colours, or as one file with colours of its own. Holds no script. */

import type { ReportMessage } from "../protocol";
import { html, Markup } from "./html";
import { sections } from "./sections";
import { EDITOR_COLOURS, LAYOUT, OWN_COLOURS } from "./styles";
import { moment } from "./words";

/** What the editor's page can do: commands that links call. */
export interface Links {
  readonly refresh: string;
  readonly export: string;
  readonly open: (uri: string, line: number) => string;
}

/** Write the page that the editor shows. `nonce` names its style, which is all that it may use. */
export function editorPage(report: ReportMessage, links: Links, nonce: string): string {
  const actions = html`<nav aria-label="Report"><a class="button" href="${links.refresh}">Refresh</a> <a class="button" href="${links.export}">Export as HTML…</a></nav>`;
  const body = sections(report, (uri, line, text) => html`<a href="${links.open(uri, line)}">${text}</a>`);
  return page(report, actions, body, EDITOR_COLOURS, nonce);
}

/** Write a report as one file that needs nothing else. `made` is the moment of writing, as ISO 8601. */
export function exportedPage(report: ReportMessage, made: string, nonce: string): string {
  const by = html`<p class="note">Made <time datetime="${made}">${moment(made)}</time> by llm4cov-lsp ${report.version}.</p>`;
  return page(
    report,
    by,
    sections(report, (_uri, _line, text) => html`${text}`),
    OWN_COLOURS,
    nonce,
  );
}

function page(report: ReportMessage, head: Markup, body: Markup, colours: string, nonce: string): string {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Coverage of ${report.top}</title>
<style nonce="${nonce}">${new Markup(colours + LAYOUT)}</style>
</head>
<body>
<main>
<header><h1>Coverage of <code>${report.top}</code></h1>${head}</header>
${body}
</main>
</body>
</html>
`.text;
}
