/**
 * The messages beside LSP's own, as the server's `protocol.py` has them; a test holds the two together.
 * Lines and columns are 1-based and those of the bytes that were measured.
 */

export const COVERAGE = "llm4cov/coverage";
export const MODULES = "llm4cov/modules";

/** One way that control can go: `branch`, `case` or `fsm`. */
export interface BranchMessage {
  readonly line: number;
  readonly column: number;
  readonly kind: string;
  readonly label: string;
  readonly hits: number;
  readonly unreachable: boolean;
}

/** A `module`, a `block` or an `instance`. */
export interface DeclarationMessage {
  readonly kind: string;
  readonly name: string;
  readonly line: number;
  readonly lastLine: number;
  readonly hits: number;
}

/** Points of one kind in one file. */
export interface TallyMessage {
  readonly kind: string;
  readonly covered: number;
  readonly total: number;
  readonly unreachable: number;
}

/** A point that was never hit, or several that are told as one. */
export interface HoleMessage {
  readonly id: string;
  readonly kind: string;
  readonly line: number;
  readonly column: number;
  readonly sentence: string;
  /** Markdown. */
  readonly detail: string;
  /** `unknown`, `unreachable`, `bounded` or `covered`: the last is known to be reachable. */
  readonly verdict: string;
  readonly reason: string;
  readonly points: number;
}

/** What one file got. */
export interface FileMessage {
  readonly uri: string;
  /** (line, times executed); 0 or 1 where it is only known whether. */
  readonly lines: readonly (readonly [number, number])[];
  readonly branches: readonly BranchMessage[];
  readonly declarations: readonly DeclarationMessage[];
  readonly tallies: readonly TallyMessage[];
  /** Most telling first; empty in an interim message. */
  readonly holes: readonly HoleMessage[];
}

/** What a design's testbench covers, or has covered so far. */
export interface CoverageMessage {
  /** Of the file that declares the top. */
  readonly uri: string;
  readonly top: string;
  /** Of the job: `measure`, `generate` or `prove`. */
  readonly kind: string;
  /** Whether the job goes on. */
  readonly interim: boolean;
  /** Whether a person asked for the job. */
  readonly asked: boolean;
  /** Of what was measured; null for a testbench that is not a file yet. */
  readonly testbench: string | null;
  readonly status: string;
  readonly overall: number | null;
  readonly reachable: number | null;
  readonly cycles: number | null;
  readonly seconds: number;
  readonly problems: readonly string[];
  readonly files: readonly FileMessage[];
}

/** A module that can be generated for and measured. */
export interface ModuleMessage {
  readonly name: string;
  readonly firstLine: number;
  readonly lastLine: number;
  /** The first is the one that is measured by itself. */
  readonly testbenches: readonly string[];
}

/** The modules of one file. */
export interface FileModules {
  readonly uri: string;
  readonly modules: readonly ModuleMessage[];
}

/** Which files to look at. */
export interface ModulesParams {
  readonly uris: readonly string[];
}
