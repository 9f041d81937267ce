/** Shows what the server says, with the button that helps. */

import * as vscode from "vscode";
import { MessageType, type ShowMessageParams } from "vscode-languageclient/node";
import { helpFor } from "./help";

/** Show a message, and do what is asked for with its button. */
export async function showMessage(params: ShowMessageParams): Promise<void> {
  const help = helpFor(params.message);
  const labels = help.map((one) => one.label);
  const answer = await show(params, labels);
  const chosen = help.find((one) => one.label === answer);
  if (chosen !== undefined) {
    await vscode.commands.executeCommand(chosen.command, ...chosen.args);
  }
}

async function show({ type, message }: ShowMessageParams, labels: readonly string[]): Promise<string | undefined> {
  switch (type) {
    case MessageType.Error:
      return vscode.window.showErrorMessage(message, ...labels);
    case MessageType.Warning:
      return vscode.window.showWarningMessage(message, ...labels);
    default:
      return vscode.window.showInformationMessage(message, ...labels);
  }
}
