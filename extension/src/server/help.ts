/** Finds the button that helps with what the server says. Knows no editor. */

/** A button, and the editor's command behind it. */
export interface Help {
  readonly label: string;
  readonly command: string;
  readonly args: readonly unknown[];
}

const RULES: readonly { readonly pattern: RegExp; readonly help: (found: RegExpExecArray) => Help }[] = [
  {
    pattern: /\b(llm4cov\.[\w.]+\w) in your editor's settings/,
    help: (found) => ({ label: "Open Setting", command: "workbench.action.openSettings", args: [`@id:${found[1] ?? ""}`] }),
  },
  {
    pattern: /needed and was not found/,
    help: () => ({ label: "Doctor", command: "llm4cov.editor.doctor", args: [] }),
  },
  {
    pattern: /not trusted/,
    help: () => ({ label: "Manage Workspace Trust", command: "workbench.trust.manage", args: [] }),
  },
  {
    pattern: /\b(the|its) log\b|crashed|ended unexpectedly/,
    help: () => ({ label: "Show Log", command: "llm4cov.editor.showLog", args: [] }),
  },
];

/** Give the buttons for a message: at most one of a kind, often none. */
export function helpFor(text: string): Help[] {
  return RULES.flatMap(({ pattern, help }) => {
    const found = pattern.exec(text);
    return found === null ? [] : [help(found)];
  });
}
