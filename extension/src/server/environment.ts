/** Makes the private environment of the server from the wheel that comes with the extension: with uv, else with venv and pip. */

import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { explain, explainPython, type Failure, fits, LEAST_PYTHON, readVersion } from "./failures";
import { MARKER, programIn, pythonIn } from "./locate";
import { run } from "./processes";

/** What came of it. */
export type Made =
  { readonly kind: "made"; readonly command: string } | ({ readonly kind: "failed" } & Failure) | { readonly kind: "cancelled" };

export interface MakeOptions {
  /** Folder of the environment; what is in it is removed. */
  readonly environment: string;
  /** Folder that holds the wheel. */
  readonly wheels: string;
  /** An interpreter to try first. */
  readonly interpreter: string | undefined;
  readonly signal: AbortSignal;
  readonly say: (words: string) => void;
  readonly log: (line: string) => void;
}

/** Make it; a step that fails is explained. */
export async function makeEnvironment(options: MakeOptions): Promise<Made> {
  try {
    return await make(options);
  } catch (error) {
    options.log(String(error));
    return options.signal.aborted ? { kind: "cancelled" } : { kind: "failed", ...explain(String(error)) };
  }
}

async function make(options: MakeOptions): Promise<Made> {
  const { environment, signal, say, log } = options;
  const wheel = (await readdir(options.wheels)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) {
    return {
      kind: "failed",
      what: "This build of the extension has no wheel of the server in it.",
      advice: "Install llm4cov-lsp with pip.",
    };
  }
  await rm(environment, { recursive: true, force: true });
  await mkdir(dirname(environment), { recursive: true });
  const withUv = (await run("uv", ["--version"], { signal })).status === 0;
  const python = withUv ? undefined : await findPython(options);
  if (python !== undefined && python.kind === "none") {
    return { kind: "failed", ...explainPython(python.seen) };
  }
  const file = join(options.wheels, wheel);
  for (const step of python === undefined ? uvSteps(environment, file) : venvSteps(python.command, environment, file)) {
    say(step.words);
    log(`$ ${[step.command, ...step.args].join(" ")}`);
    const ended = await run(step.command, step.args, {
      signal,
      onLine: (line) => {
        log(line);
        const news = /^(?:Collecting|Downloading|Installing collected packages:|Prepared|Installed)\s+\S*/.exec(line.trim());
        if (news) {
          say(`${step.words}: ${news[0]}`);
        }
      },
    });
    if (signal.aborted) {
      await rm(environment, { recursive: true, force: true });
      return { kind: "cancelled" };
    }
    if (ended.status !== 0) {
      return { kind: "failed", ...explain(ended.failure ?? ended.output) };
    }
  }
  await writeFile(join(environment, MARKER), "");
  return { kind: "made", command: programIn(environment) };
}

interface Step {
  readonly words: string;
  readonly command: string;
  readonly args: readonly string[];
}

const MAKING = "Making an environment";
const INSTALLING = "Installing the server and the tools that it needs";

function uvSteps(environment: string, wheel: string): Step[] {
  return [
    { words: MAKING, command: "uv", args: ["venv", "--python", `>=${LEAST_PYTHON.join(".")}`, environment] },
    { words: INSTALLING, command: "uv", args: ["pip", "install", "--python", pythonIn(environment), wheel] },
  ];
}

function venvSteps(python: string, environment: string, wheel: string): Step[] {
  const install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", wheel];
  return [
    { words: MAKING, command: python, args: ["-m", "venv", environment] },
    { words: INSTALLING, command: pythonIn(environment), args: install },
  ];
}

type Python = { readonly kind: "found"; readonly command: string } | { readonly kind: "none"; readonly seen: readonly string[] };

async function findPython(options: MakeOptions): Promise<Python> {
  const seen = new Set<string>();
  for (const command of [options.interpreter, "python3", "python3.13", "python3.12", "python3.11", "python"]) {
    const version = command && readVersion((await run(command, ["--version"], { signal: options.signal })).output);
    if (command && version && fits(version)) {
      return { kind: "found", command };
    }
    if (version) {
      seen.add(version.join("."));
    }
  }
  return { kind: "none", seen: [...seen] };
}
