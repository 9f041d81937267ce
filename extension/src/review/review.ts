/** Shows a proposed testbench as a diff, and takes the user's answer to it: accept, reject with a reason, take back. */

import * as vscode from "vscode";
import type { Server } from "../server/client";
import { choosePart } from "./choosing";
import { change, fileName, type Proposal, sentence } from "./proposal";

const SCHEME = "llm4cov-proposal";
const REASONS = ["Not enough coverage", "Too long to simulate", "Hard to read", "Not how we write testbenches"];
const PART = "Accept Part…";
const OTHER = "Another reason…";

interface Answered {
  readonly error?: string;
  readonly applied?: boolean;
  readonly testbench?: string;
}

/** The proposals that wait for an answer. */
export class Review implements vscode.Disposable, vscode.TextDocumentContentProvider {
  private readonly waiting = new Map<string, Proposal>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly provider: vscode.Disposable;
  readonly onDidChange = this.changed.event;

  constructor(private readonly server: Server) {
    this.provider = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.waiting.get(uri.toString())?.text ?? "";
  }

  /** Open a proposal beside what is there now, and ask for an answer. */
  async show(proposal: Proposal): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: proposal.path, query: new URLSearchParams({ top: proposal.top }).toString() });
    this.waiting.set(uri.toString(), proposal);
    this.changed.fire(uri);
    const title = `${fileName(proposal)} · proposed: ${change(proposal)}`;
    if (proposal.exists) {
      await vscode.commands.executeCommand("vscode.diff", vscode.Uri.file(proposal.path), uri, title, { preview: false });
    } else {
      await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: false });
    }
    const answer = await vscode.window.showInformationMessage(sentence(proposal), "Accept", PART, "Reject…");
    if (answer === "Accept") {
      await this.accept(uri);
    } else if (answer === PART) {
      await this.acceptPart(uri);
    } else if (answer === "Reject…") {
      await this.reject(uri);
    }
  }

  /** Take a proposal; without `uri`, the one that is shown. */
  async accept(uri?: vscode.Uri): Promise<void> {
    const [at, proposal] = this.named(uri);
    if (at === undefined || proposal === undefined) {
      return;
    }
    await this.take(at, proposal, [], "is accepted");
  }

  /** Take some of a proposal's sequences, or some of its changes; without `uri`, of the one that is shown. */
  async acceptPart(uri?: vscode.Uri): Promise<void> {
    const [at, proposal] = this.named(uri);
    if (at === undefined || proposal === undefined) {
      return;
    }
    const present = proposal.exists ? (await vscode.workspace.openTextDocument(vscode.Uri.file(proposal.path))).getText() : undefined;
    const text = await choosePart(proposal, present?.replaceAll("\r\n", "\n"));
    if (text !== undefined) {
      await this.take(
        at,
        proposal,
        text === proposal.text ? [] : [{ text }],
        text === proposal.text ? "is accepted" : "has what you chose",
      );
    }
  }

  /** Let the server put a proposal, or what was made of it, into its file; one click takes it back. */
  private async take(at: vscode.Uri, proposal: Proposal, options: readonly { readonly text: string }[], words: string): Promise<void> {
    const answer = await this.server.execute<Answered>("llm4cov.accept", [proposal.uri, proposal.top, ...options]);
    if (answer?.applied !== true) {
      await this.notWritten(proposal, answer);
      return;
    }
    this.waiting.delete(at.toString());
    await closeTabs(at);
    const document = await vscode.workspace.openTextDocument(vscode.Uri.file(answer.testbench ?? proposal.path));
    const saved = await document.save();
    await vscode.window.showTextDocument(document, { preview: false });
    if (!saved) {
      await this.notWritten(proposal, { applied: false });
      return;
    }
    // One click takes it back.
    const undo = await vscode.window.showInformationMessage(`${fileName(proposal)} ${words}.`, "Undo");
    if (undo !== undefined) {
      await this.undo(proposal);
    }
  }

  /** Drop a proposal, with the reason. */
  async reject(uri?: vscode.Uri): Promise<void> {
    const [at, proposal] = this.named(uri);
    if (at === undefined || proposal === undefined) {
      return;
    }
    const reason = await askReason();
    if (reason === undefined) {
      return;
    }
    const answer = await this.server.execute<Answered>("llm4cov.reject", [proposal.uri, proposal.top, reason]);
    if (answer?.error === undefined) {
      this.waiting.delete(at.toString());
      await closeTabs(at);
    }
  }

  /** Take the last acceptance back. What was accepted was saved, so what was there before is saved too. */
  async undo(target: { readonly uri: string; readonly top: string }): Promise<void> {
    const answer = await this.server.execute<Answered>("llm4cov.undo", [target.uri, target.top]);
    if (answer?.applied === true && answer.testbench !== undefined) {
      const at = vscode.Uri.file(answer.testbench).toString();
      await vscode.workspace.textDocuments.find((one) => one.uri.toString() === at && one.isDirty)?.save();
    }
  }

  dispose(): void {
    this.provider.dispose();
    this.changed.dispose();
  }

  /** Say that a testbench did not get into its file, and offer another; what the server has refused it has said itself. */
  private async notWritten(proposal: Proposal, answer: Answered | undefined): Promise<void> {
    if (answer?.applied !== false || answer.error !== undefined) {
      return;
    }
    const text = `${proposal.path} can't be written, so nothing was changed; the testbench is still here. Make its folder writable and accept again, or save it elsewhere.`;
    if ((await vscode.window.showErrorMessage(text, "Save As…")) !== undefined) {
      const target = await vscode.window.showSaveDialog({ title: "Save the testbench", filters: { SystemVerilog: ["sv", "v"] } });
      if (target !== undefined) {
        await vscode.workspace.fs.writeFile(target, Buffer.from(proposal.text));
        await vscode.window.showTextDocument(target, { preview: false });
      }
    }
  }

  private named(uri: vscode.Uri | undefined): [vscode.Uri | undefined, Proposal | undefined] {
    const at = uri?.scheme === SCHEME ? uri : vscode.window.activeTextEditor?.document.uri;
    return [at, at === undefined ? undefined : this.waiting.get(at.toString())];
  }
}

async function askReason(): Promise<string | undefined> {
  const picked = await vscode.window.showQuickPick([...REASONS, OTHER], {
    title: "Why is it rejected?",
    placeHolder: "The reason is stored with it",
  });
  return picked === OTHER ? vscode.window.showInputBox({ title: "Why is it rejected?" }) : picked;
}

async function closeTabs(uri: vscode.Uri): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => shows(tab.input, uri));
  await vscode.window.tabGroups.close(tabs);
}

function shows(input: unknown, uri: vscode.Uri): boolean {
  if (input instanceof vscode.TabInputTextDiff) {
    return input.modified.toString() === uri.toString();
  }
  return input instanceof vscode.TabInputText && input.uri.toString() === uri.toString();
}
