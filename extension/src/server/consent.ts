/** Shows what the server asks before it sends anything: as a dialog, since a notification hides itself and the server would wait unseen. */

import * as vscode from "vscode";
import type { MessageActionItem, ShowMessageRequestParams } from "vscode-languageclient/node";

/** Ask; the answer is null, which the server takes for no, if the dialog is closed. */
export async function askInDialog(params: ShowMessageRequestParams): Promise<MessageActionItem | null> {
  const items = (params.actions ?? []).map((action) => ({ title: action.title, action }));
  const [first, ...more] = params.message.split(/(?<=\.) /);
  const options = { modal: true, ...(more.length > 0 ? { detail: more.join(" ") } : {}) };
  const picked = await vscode.window.showWarningMessage(first ?? params.message, options, ...items.map(offered));
  return picked?.action ?? null;
}

/** A dialog has a button of its own for closing it; an answer that says the same takes its place. */
function offered(item: { readonly title: string; readonly action: MessageActionItem }): typeof item & { isCloseAffordance: boolean } {
  return { ...item, isCloseAffordance: item.title === "Not now" };
}
