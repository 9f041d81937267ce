/** The language status item: which server runs, in which version, and what is wrong with it. */

import * as vscode from "vscode";
import { SELECTOR, type Server, type ServerState } from "./server/client";
import { disagreement } from "./server/version";

/** Show the state of the server beside the language of a Verilog file. */
export function showStatus(server: Server, version: string): vscode.Disposable {
  const item = vscode.languages.createLanguageStatusItem("llm4cov.server", SELECTOR);
  item.name = "LLM4Cov";
  const update = (state: ServerState): void => {
    const words = statusOf(state, version, vscode.workspace.isTrusted);
    item.text = words.text;
    item.detail = words.detail;
    item.busy = state.kind === "starting";
    item.severity = vscode.LanguageStatusSeverity[words.severity];
    item.command = words.command;
  };
  update(server.state);
  return vscode.Disposable.from(item, server.onState(update));
}

interface Words {
  readonly text: string;
  readonly detail: string;
  readonly severity: "Information" | "Warning" | "Error";
  readonly command: vscode.Command;
}

const DOCTOR: vscode.Command = { command: "llm4cov.editor.doctor", title: "Doctor" };
const INSTALL: vscode.Command = { command: "llm4cov.editor.installServer", title: "Install" };
const LOG: vscode.Command = { command: "llm4cov.editor.showLog", title: "Show log" };
const TRUST: vscode.Command = { command: "workbench.trust.manage", title: "Manage trust" };

function statusOf(state: ServerState, version: string, trusted: boolean): Words {
  switch (state.kind) {
    case "stopped":
      return { text: "LLM4Cov", detail: "no server runs", severity: "Information", command: LOG };
    case "missing":
      return { text: "LLM4Cov: no server", detail: "llm4cov-lsp was not found", severity: "Warning", command: INSTALL };
    case "starting":
      return { text: "LLM4Cov", detail: "the server starts", severity: "Information", command: LOG };
    case "failed":
      return { text: "LLM4Cov: server failed", detail: state.reason, severity: "Error", command: LOG };
    case "running": {
      const wrong = disagreement(version, state.version);
      if (wrong !== undefined) {
        return { text: `LLM4Cov ${state.version}`, detail: wrong, severity: "Warning", command: INSTALL };
      }
      return trusted
        ? {
            text: `LLM4Cov ${state.version}`,
            detail: `${ORIGINS[state.origin]} · extension ${version}`,
            severity: "Information",
            command: DOCTOR,
          }
        : { text: `LLM4Cov ${state.version}`, detail: "restricted: nothing is built or run", severity: "Information", command: TRUST };
    }
  }
}

const ORIGINS = {
  setting: "from the settings",
  python: "from the Python environment",
  path: "from the path",
  private: "private server",
} as const;
