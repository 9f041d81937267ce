/** Asks the user which part of a proposed testbench to keep. Changes nothing. */

import * as vscode from "vscode";
import type { Proposal } from "./proposal";
import { headOf, type Hunk, hunksOf, keepHunks, keepSequences, sizeOf } from "./parts";

/** Give the text of the part that is chosen; undefined if none is. `present` is what is in the file now. */
export async function choosePart(proposal: Proposal, present: string | undefined): Promise<string | undefined> {
  const hunks = present === undefined ? [] : hunksOf(present, proposal.text);
  const bySequence = proposal.sequences.length > 1;
  const byChange = present !== undefined && hunks.length > 1;
  if (!bySequence && !byChange) {
    void vscode.window.showInformationMessage("It has one part only: accept or reject it as a whole.");
    return undefined;
  }
  const by = bySequence && byChange ? await askHow() : bySequence ? "sequences" : "changes";
  if (by === "sequences") {
    return chooseSequences(proposal);
  }
  return by === "changes" && present !== undefined ? chooseChanges(present, hunks) : undefined;
}

async function askHow(): Promise<"sequences" | "changes" | undefined> {
  const items = [
    { label: "By sequence", detail: "Some of the new testbench's sequences, and nothing of the old one", by: "sequences" as const },
    { label: "By change", detail: "Some of the changes to the testbench that is there", by: "changes" as const },
  ];
  return (await vscode.window.showQuickPick(items, { title: "Accept a part" }))?.by;
}

async function chooseSequences(proposal: Proposal): Promise<string | undefined> {
  const items = proposal.sequences.map((one) => ({ label: one.name, detail: one.comment, picked: true }));
  const picked = await vscode.window.showQuickPick(items, { canPickMany: true, matchOnDetail: true, title: "Which sequences are kept?" });
  return picked === undefined || picked.length === 0
    ? undefined
    : keepSequences(proposal.text, proposal.sequences, new Set(picked.map((one) => one.label)));
}

async function chooseChanges(present: string, hunks: readonly Hunk[]): Promise<string | undefined> {
  const items = hunks.map((hunk) => ({ label: headOf(hunk), description: `line ${hunk.first + 1} · ${sizeOf(hunk)}`, picked: true, hunk }));
  const picked = await vscode.window.showQuickPick(items, { canPickMany: true, title: "Which changes are kept?" });
  return picked === undefined || picked.length === 0 ? undefined : keepHunks(present, hunks, new Set(picked.map((one) => one.hunk)));
}
