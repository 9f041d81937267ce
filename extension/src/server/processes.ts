/** Runs a program and waits for how it ended: the only place that starts one beside the language client. */

import { spawn } from "node:child_process";

/** How a program ended. A program that can't be started is a value too. */
export interface Ended {
  /** Exit status; null if it was ended or could not be started. */
  readonly status: number | null;
  readonly output: string;
  /** Why it could not be started, such as `ENOENT`. */
  readonly failure?: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** Longest output that is kept, from its end. */
const MOST_CHARACTERS = 20_000;

/** Run a program; standard output and error come together, in the order in which they were written. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve) => {
    let output = "";
    let rest = "";
    const child = spawn(command, args, {
      cwd: options.cwd,
      ...(options.signal ? { signal: options.signal } : {}),
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
    });
    const take = (chunk: Buffer): void => {
      const text = chunk.toString();
      output = (output + text).slice(-MOST_CHARACTERS);
      const lines = (rest + text).split(/\r?\n/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        options.onLine?.(line);
      }
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error: NodeJS.ErrnoException) => {
      resolve({ status: null, output, failure: error.code ?? error.message });
    });
    child.on("close", (status) => {
      if (rest) {
        options.onLine?.(rest);
      }
      resolve({ status, output });
    });
  });
}
