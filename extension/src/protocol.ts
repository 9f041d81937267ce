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
  /** Of the job: `measure`, `generate`, `go_on` (from the testbench that is there) or `prove`. */
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

/** What one instance got by itself. */
export interface InstanceMessage {
  /** Below the top; the top by its own name. */
  readonly path: string;
  readonly module: string;
  readonly tallies: readonly TallyMessage[];
}

/** One bit of a port, with the times that it rose and fell. */
export interface BitMessage {
  /** What stands behind the port's name, such as `[3]`; empty for a port of one bit. */
  readonly label: string;
  readonly rose: number;
  readonly fell: number;
  /** Whether it is proved that no run can make it rise. */
  readonly neverRises: boolean;
  readonly neverFalls: boolean;
}

/** A port of the top, the most significant bit first. */
export interface PortMessage {
  readonly name: string;
  readonly direction: string;
  readonly line: number;
  readonly bits: readonly BitMessage[];
  /** Bits that are not told. */
  readonly leftOut: number;
}

/** A round of a stored trajectory. */
export interface RoundMessage {
  /** From 1. */
  readonly number: number;
  readonly policy: string;
  readonly model: string | null;
  readonly status: string | null;
  readonly before: number | null;
  /** Overall coverage in percent; null where nothing could be measured. */
  readonly after: number | null;
  readonly kept: boolean;
  readonly coveredBefore: number | null;
  /** Points hit, of all metrics. */
  readonly covered: number | null;
  readonly tallies: readonly TallyMessage[];
  /** Of the policy and the judge together. */
  readonly seconds: number;
  /** Of prompt and reply together; null where no model was asked. */
  readonly tokens: number | null;
}

/** How a testbench came about. */
export interface TrajectoryMessage {
  readonly id: string;
  readonly design: string;
  readonly command: string;
  /** In UTC, as ISO 8601. */
  readonly began: string;
  /** The last that the user said: `accepted`, `rejected`, `undone`, or nothing. */
  readonly answer: string;
  readonly rounds: readonly RoundMessage[];
}

/** What one file got, for a report. */
export interface ReportFileMessage {
  readonly uri: string;
  readonly tallies: readonly TallyMessage[];
  /** Points that waivers exclude. */
  readonly excluded: number;
  /** Most telling first. */
  readonly holes: readonly HoleMessage[];
  /** Holes that are not told. */
  readonly leftOut: number;
}

/** The answer to the command `llm4cov.report`: all that a report of a design shows. */
export interface ReportMessage {
  readonly uri: string;
  readonly top: string;
  /** Of the server. */
  readonly version: string;
  /** URI of what was measured; null for a testbench that is not a file yet, or where nothing was measured. */
  readonly testbench: string | null;
  /** Null where nothing was measured since the server began and no earlier result holds. */
  readonly status: string | null;
  /** Whether files have changed since. */
  readonly stale: boolean;
  readonly overall: number | null;
  readonly reachable: number | null;
  readonly cycles: number | null;
  readonly seconds: number;
  readonly files: readonly ReportFileMessage[];
  /** The top first. */
  readonly instances: readonly InstanceMessage[];
  readonly ports: readonly PortMessage[];
  /** Oldest first, of designs with this top in a file of this name; `design` tells its versions apart. */
  readonly trajectories: readonly TrajectoryMessage[];
}

/** What a run of learning came to. */
export interface AdapterMessage {
  readonly id: string;
  /** The model that it was trained on. */
  readonly base: string;
  /** In UTC, as ISO 8601; empty where it is not known. */
  readonly made: string;
  /** Whether it is used. */
  readonly live: boolean;
  readonly examples: number | null;
  readonly before: number | null;
  /** Coverage in percent on held-out designs, repairs included; null where it was not measured. */
  readonly after: number | null;
  readonly gainLow: number | null;
  /** Between these lies the gain, with 95 %. */
  readonly gainHigh: number | null;
}

/** The answer to the command `llm4cov.adapters`. */
export interface LearningMessage {
  /** The newest first. */
  readonly adapters: readonly AdapterMessage[];
  /** When learning begins by itself: `off`, `daily` or `weekly`. */
  readonly schedule: string;
  readonly running: boolean;
}
