/** An editor under test, and windows in it: the parts that the test and the measurements share. */

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { type CodeServer, startCodeServer } from "./codeServer";
import { Screen } from "./screen";
import type { Context, Step } from "./steps";

/** Where everything is. */
export interface Places {
  readonly tools: string;
  readonly pictures: string;
  readonly project: string;
  readonly vsix: string;
  /** The server that the project's own environment has. */
  readonly server: string;
  /** A folder for all that is made. */
  readonly home: string;
}

/** Read the command line, `TOOLS PICTURES`, and make what is written to anew. */
export async function placesOf(args: readonly string[]): Promise<Places> {
  const [tools, pictures] = args;
  if (tools === undefined || pictures === undefined) {
    throw new Error("TOOLS PICTURES");
  }
  const project = resolve("..");
  await rm(pictures, { recursive: true, force: true });
  await mkdir(pictures, { recursive: true });
  const server = join(resolve(process.env["LLM4COV_TEST_BIN"] ?? join(project, ".venv/bin")), "llm4cov-lsp");
  const home = await mkdtemp(join(tmpdir(), "llm4cov-vscode-"));
  return { tools, pictures, project, vsix: join(project, "dist/llm4cov.vsix"), server, home };
}

/** The interpreter that the environment of a server was made with. */
export async function basePython(server: string): Promise<string> {
  const asked = await promisify(execFile)(join(server, "../python"), ["-c", "import sys; print(sys._base_executable)"]);
  return asked.stdout.trim();
}

/** What a quiet editor is told. */
export const SETTINGS = {
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "telemetry.telemetryLevel": "off",
  "remote.autoForwardPorts": false,
  "extensions.ignoreRecommendations": true,
  "llm4cov.generate.budgetSeconds": 40,
  "llm4cov.background.maxLoad": 0,
};

export interface StartOptions {
  /** Its search path, if not that of this program. */
  readonly path?: string;
  /** Whether it has the extension; it does if this is not said. */
  readonly vsix?: boolean;
}

/** One code-server with a home of its own. */
export class Session {
  readonly failures: string[] = [];

  private constructor(
    private readonly places: Places,
    readonly home: string,
    private readonly editor: CodeServer,
  ) {}

  static async start(places: Places, name: string, settings: Record<string, unknown>, options: StartOptions = {}): Promise<Session> {
    const home = join(places.home, name);
    await mkdir(home);
    const env = {
      ...process.env,
      LLM4COV_CACHE_DIR: process.env["LLM4COV_TEST_CACHE"] ?? join(tmpdir(), "llm4cov-test-cache"),
      // Else the editor asks a login shell for its variables, and has another search path than it was given.
      VSCODE_CLI: "1",
      LLM4COV_STORE: join(home, "store.db"),
      XDG_STATE_HOME: join(home, "state"),
      PIP_CACHE_DIR: process.env["PIP_CACHE_DIR"] ?? join(homedir(), ".cache/pip"),
      ...(options.path === undefined ? {} : { PATH: options.path }),
    };
    const vsix = options.vsix === false ? undefined : places.vsix;
    const editor = await startCodeServer({ tools: places.tools, home, vsix, settings: { ...SETTINGS, ...settings }, env });
    return new Session(places, home, editor);
  }

  /** The variable that only the processes of this editor have. */
  get mark(): string {
    return `LLM4COV_STORE=${join(this.home, "store.db")}`;
  }

  /** Do steps in a window of their own; what fails is noted with a picture, and the rest of this window is left out. */
  async inWindow(name: string, folder: string, trust: boolean, todo: readonly (readonly [string, Step])[]): Promise<void> {
    const screen = await Screen.open(this.editor.urlOf(folder), this.places.pictures, name);
    const context: Context = { screen, folder, settings: join(this.home, "data/User/settings.json") };
    let at = "trust";
    try {
      await screen.trust(trust);
      for (const [what, step] of todo) {
        at = what;
        const began = Date.now();
        await step(context);
        console.log(`ok ${name}: ${what} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
      }
    } catch (error) {
      const picture = await screen.picture("failed");
      this.failures.push(`${name}: ${at}: ${picture}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    } finally {
      await screen.close();
    }
  }

  /** End it; the logs of a run that failed go beside its pictures. */
  async stop(): Promise<void> {
    await this.editor.stop();
    if (this.failures.length > 0) {
      const logs = join(this.home, "data/logs");
      for (const file of await readdir(logs, { recursive: true })) {
        if (file.endsWith("LLM4Cov.log")) {
          await cp(join(logs, file), join(this.places.pictures, file.replaceAll("/", "-")));
        }
      }
    }
  }
}
