/** A proposed testbench as a value, and its title. Knows no editor. */

import { percentText } from "../testing/summary";

/** What `llm4cov.generate` answers when it is not to apply what it found. */
export interface GenerateAnswer {
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
}

/** Read an answer; undefined if it holds no testbench. */
export function readProposal(uri: string, top: string, answer: GenerateAnswer | undefined): Proposal | undefined {
  if (answer?.text === undefined || answer.testbench === undefined || answer.testbench === null) {
    return undefined;
  }
  return {
    uri,
    top,
    path: answer.testbench,
    exists: answer.exists === true,
    text: answer.text,
    before: answer.before?.overall ?? null,
    after: answer.after?.overall ?? null,
    ended: answer.ended ?? "",
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
