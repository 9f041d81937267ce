/** The bits of ports as a table: how often each rose and fell. Knows no page. */

import type { BitMessage, PortMessage } from "../protocol";
import { html, type Markup, NOTHING, OPEN } from "./html";
import { brief, whole } from "./words";

/** Bits in a row. */
const ACROSS = 32;

/** Draw all ports: those with edges that were never seen one by one, the one that misses most first, and the others folded. */
export function heatMap(ports: readonly PortMessage[]): Markup {
  const open = ports.filter((port) => missing(port) > 0).sort((one, other) => missing(other) - missing(one));
  const whole = ports.filter((port) => missing(port) === 0);
  const others = whole.length === 1 ? "one port" : `${whole.length} ports`;
  const folded =
    whole.length === 0
      ? NOTHING
      : html`<details class="port"><summary>Every edge was seen of ${others}</summary>${whole.map((port) => portTable(port, false))}</details>`;
  return html`${open.map((port) => portTable(port, true))}${folded}`;
}

/** Edges of a port that were never seen and are not proved to be impossible. */
export function missing(port: PortMessage): number {
  return port.bits.reduce((sum, bit) => sum + Number(isMissing(bit.rose, bit.neverRises)) + Number(isMissing(bit.fell, bit.neverFalls)), 0);
}

/** How much a count is, from 0 for never to 4 for a thousand and more. */
export function heat(count: number): number {
  return count <= 0 ? 0 : Math.min(4, 1 + Math.floor(Math.log10(count)));
}

function portTable(port: PortMessage, isOpen: boolean): Markup {
  const left = missing(port);
  const words = left === 0 ? "" : `: ${whole(left)} of ${whole(2 * port.bits.length)} edges never seen`;
  const rows: Markup[] = [];
  for (let at = 0; at < port.bits.length; at += ACROSS) {
    rows.push(rowsOf(port, port.bits.slice(at, at + ACROSS)));
  }
  const cut = port.leftOut > 0 ? html`<p class="note">${whole(port.leftOut)} more bits are not shown.</p>` : NOTHING;
  return html`<details class="port"${isOpen ? OPEN : NOTHING}>
    <summary><code>${port.name}</code> <span class="note">${port.direction}, ${whole(port.bits.length + port.leftOut)} bit${port.bits.length === 1 ? "" : "s"}${words}</span></summary>
    <div class="wide" tabindex="0" role="group" aria-label="Bits of ${port.name}"><table class="heat">${rows}</table></div>${cut}
  </details>`;
}

function rowsOf(port: PortMessage, bits: readonly BitMessage[]): Markup {
  return html`<tbody>
    <tr><th scope="row">bit</th>${bits.map((bit) => html`<th scope="col">${bit.label === "" ? "·" : bit.label.replace(/^\[(-?\d+)\]$/, "$1")}</th>`)}</tr>
    <tr><th scope="row">rose</th>${bits.map((bit) => cell(`${port.name}${bit.label}`, "rose", bit.rose, bit.neverRises))}</tr>
    <tr><th scope="row">fell</th>${bits.map((bit) => cell(`${port.name}${bit.label}`, "fell", bit.fell, bit.neverFalls))}</tr>
  </tbody>`;
}

function cell(name: string, verb: string, count: number, never: boolean): Markup {
  const times = count === 1 ? "once" : `${whole(count)} times`;
  const hint = isMissing(count, never) ? `never ${verb}` : count === 0 ? `proved: never ${verb}` : `${verb} ${times}`;
  const kind = isMissing(count, never) ? "missed" : count === 0 ? "proved" : `heat-${heat(count)}`;
  return html`<td class="${kind}" title="${name} ${hint}">${kind === "proved" ? "×" : brief(count)}</td>`;
}

function isMissing(count: number, never: boolean): boolean {
  return count === 0 && !never;
}
