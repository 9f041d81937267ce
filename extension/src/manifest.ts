/** Reads what the extension's own package.json says. */

import type * as vscode from "vscode";

interface Manifest {
  readonly version: string;
  readonly contributes: { readonly configuration: { readonly properties: Record<string, unknown> } };
}

/** The version of the extension. */
export function versionOf(context: vscode.ExtensionContext): string {
  return manifestOf(context).version;
}

/** The names of all settings, below `llm4cov`. */
export function settingKeys(context: vscode.ExtensionContext): string[] {
  return Object.keys(manifestOf(context).contributes.configuration.properties).map((name) => name.replace(/^llm4cov\./, ""));
}

function manifestOf(context: vscode.ExtensionContext): Manifest {
  return context.extension.packageJSON as Manifest;
}
