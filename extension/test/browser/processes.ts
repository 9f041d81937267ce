/** Finds the processes that an editor under test has started, by a variable that only they have. Linux only. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Words of the command line that tell one kind of process from the others. */
export const SERVER = /llm4cov-lsp\0--stdio\0$/;
export const EXTENSION_HOST = /\0--type=extensionHost\0/;

/** Numbers of the processes of a kind whose environment has `variable`, such as `NAME=value`. */
export async function processesWith(variable: string, kind: RegExp): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (
      kind.test(await read(join("/proc", name, "cmdline"))) &&
      (await read(join("/proc", name, "environ"))).split("\0").includes(variable)
    ) {
      found.push(Number(name));
    }
  }
  return found;
}

/** What of a process is in memory, in bytes; 0 if it is gone. */
export async function residentBytes(pid: number): Promise<number> {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(await read(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** A process that ended in the meantime, or is somebody else's, has nothing to tell. */
async function read(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
