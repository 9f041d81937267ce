/** HTML as values: what stands in a template is escaped, unless it is markup that came out of one. Knows no page. */

/** Text that is safe as a part of a page. */
export class Markup {
  constructor(readonly text: string) {}
}

export type Part = string | number | Markup | readonly Markup[];

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Write a template; texts and numbers in it are escaped, for elements and quoted attributes alike. */
export function html(template: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(template.reduce((text, next, at) => text + write(parts[at - 1] ?? "") + next));
}

/** Nothing. */
export const NOTHING = new Markup("");

/** The attribute of what can be folded and is not. */
export const OPEN = new Markup(" open");

function write(part: Part): string {
  if (part instanceof Markup) {
    return part.text;
  }
  if (typeof part === "object") {
    return part.map((one) => one.text).join("");
  }
  return String(part).replace(/[&<>"']/g, (letter) => ESCAPES[letter] ?? "");
}
