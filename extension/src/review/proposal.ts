/** A proposed testbench as a value, and its title. Knows no editor. */

import { percentText } from "../testing/summary";
import type { SequencePart } from "./parts";

/** What a command that proposes a testbench answers when it is not to apply it. */
export interface ProposingAnswer {
  readonly error?: string;
  readonly cancelled?: boolean;
  /** Path of the file that it would go to. */
  readonly testbench?: string | null;
  /** Whether that file is there, and would be replaced. */
  readonly exists?: boolean;
  readonly text?: string;
  readonly before?: { readonly overall: number | null } | null;
  readonly after?: { readonly overall: number | null };
  readonly ended?: string;
  /** What it is worth, in words. */
  readonly about?: string;
  /** Of one that goes on from a testbench: whether it would take that one's place, or lie beside it. */
  readonly replaces?: boolean;
  /** Its named sequences; none where it was not rendered from such. */
  readonly sequences?: readonly SequencePart[];
}

/** A testbench that waits for an answer. */
export interface Proposal {
  /** URI of the file with the module. */
  readonly uri: string;
  readonly top: string;
  readonly path: string;
  readonly exists: boolean;
  readonly text: string;
  readonly before: number | null;
  readonly after: number | null;
  readonly ended: string;
  /** What it is worth beside the testbench that it goes on from; empty for a new one. */
  readonly gain: string;
  readonly sequences: readonly SequencePart[];
}

/** Read an answer; undefined if it holds no testbench. */
export function readProposal(uri: string, top: string, answer: ProposingAnswer | undefined): Proposal | undefined {
  if (answer?.text === undefined || answer.testbench === undefined || answer.testbench === null) {
    return undefined;
  }
  return {
    uri,
    top,
    path: answer.testbench,
    exists: answer.exists === true,
    text: answer.text,
    // One that lies beside another is not measured against it.
    before: answer.replaces === false ? null : (answer.before?.overall ?? null),
    after: answer.after?.overall ?? null,
    ended: answer.ended ?? "",
    gain: answer.replaces === undefined ? "" : (answer.about ?? ""),
    sequences: answer.sequences ?? [],
  };
}

/** The name of its file. */
export function fileName(proposal: Proposal): string {
  return proposal.path.split(/[\\/]/).at(-1) ?? proposal.path;
}

/** How coverage changes, such as `23.2 % -> 97.4 %`. */
export function change(proposal: Proposal): string {
  const after = proposal.after === null ? "not measured" : `${percentText(proposal.after)} %`;
  return proposal.before === null ? after : `${percentText(proposal.before)} % → ${after}`;
}

/** What is said of it, as a sentence. */
export function sentence(proposal: Proposal): string {
  if (proposal.gain !== "") {
    return `${fileName(proposal)}: ${proposal.gain}.`;
  }
  return `${fileName(proposal)} covers ${change(proposal)} of ${proposal.top}${proposal.ended ? `; ${proposal.ended}` : ""}.`;
}
