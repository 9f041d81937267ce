/** Finds the program `llm4cov-lsp`. Looks at files only; runs nothing and asks nobody. */

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";

export type Origin = "setting" | "python" | "path" | "private";

/** Where the server is, or why not. */
export type Located =
  | { readonly kind: "found"; readonly command: string; readonly origin: Origin }
  | { readonly kind: "missing" }
  /** The setting names what can't be run. */
  | { readonly kind: "wrong"; readonly command: string };

/** Where it may be, in the order in which it is looked for. */
export interface Places {
  /** The setting `llm4cov.server.path`; empty for none. */
  readonly setting: string;
  /** The selected Python interpreter. */
  readonly interpreter: string | undefined;
  /** The variable PATH. */
  readonly path: string;
  /** Folder of the private environment. */
  readonly environment: string;
}

/** Say whether a file can be run; `access` is replaced in tests. */
export type CanRun = (file: string) => Promise<boolean>;

/** Written into a private environment once it is whole. */
export const MARKER = ".complete";

/** Look in all places. */
export async function locate(places: Places, canRun: CanRun = isExecutable): Promise<Located> {
  if (places.setting) {
    const found = await canRun(places.setting);
    return found ? { kind: "found", command: places.setting, origin: "setting" } : { kind: "wrong", command: places.setting };
  }
  const candidates: { command: string; origin: Origin }[] = [];
  if (places.interpreter) {
    candidates.push({ command: join(dirname(places.interpreter), programName()), origin: "python" });
  }
  for (const folder of places.path.split(delimiter).filter(Boolean)) {
    candidates.push({ command: join(folder, programName()), origin: "path" });
  }
  for (const one of candidates) {
    if (await canRun(one.command)) {
      return { kind: "found", ...one };
    }
  }
  const own = programIn(places.environment);
  const whole = (await canRun(own)) && (await exists(join(places.environment, MARKER)));
  return whole ? { kind: "found", command: own, origin: "private" } : { kind: "missing" };
}

/** The server's program in an environment. */
export function programIn(environment: string): string {
  return join(environment, binFolder(), programName());
}

/** The interpreter of an environment. */
export function pythonIn(environment: string): string {
  return join(environment, binFolder(), process.platform === "win32" ? "python.exe" : "python");
}

function binFolder(): string {
  return process.platform === "win32" ? "Scripts" : "bin";
}

function programName(): string {
  return process.platform === "win32" ? "llm4cov-lsp.exe" : "llm4cov-lsp";
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Say whether a file is there. */
export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
