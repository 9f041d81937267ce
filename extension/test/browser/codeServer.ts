/** Starts a code-server, which is a real VS Code in a browser, on a free port of this machine. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

export interface CodeServer {
  /** Where a browser opens a folder. */
  urlOf(folder: string): string;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Folder with `node_modules/code-server`. */
  readonly tools: string;
  /** Folder for its data, made anew for each start. */
  readonly home: string;
  /** The extension; undefined for none. */
  readonly vsix: string | undefined;
  readonly settings: Record<string, unknown>;
  /** Its environment, beside a home of its own. */
  readonly env: NodeJS.ProcessEnv;
}

/** Install the extension and start. */
export async function startCodeServer(options: StartOptions): Promise<CodeServer> {
  const program = join(options.tools, "node_modules/code-server/out/node/entry.js");
  const data = join(options.home, "data");
  const extensions = join(options.home, "extensions");
  const common = ["--user-data-dir", data, "--extensions-dir", extensions, "--config", join(options.home, "none.yaml")];
  await mkdir(join(data, "User"), { recursive: true });
  await writeFile(join(options.home, "none.yaml"), "cert: false\n");
  await writeFile(join(data, "User/settings.json"), JSON.stringify(options.settings, undefined, 2));
  const env = { ...options.env, HOME: options.home };
  if (options.vsix !== undefined) {
    await promisify(execFile)(process.execPath, [program, ...common, "--install-extension", options.vsix], { env });
  }
  const port = await freePort();
  const args = ["--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check", ...common];
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const log = createWriteStream(join(options.home, "code-server.log"));
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  await answers(port);
  return { urlOf: (folder) => `http://127.0.0.1:${port}/?folder=${folder}`, stop: async () => stop(child) };
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}

async function answers(port: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/healthz`);
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.once("exit", resolve));
  // Its children, the extension host and what that started, are in its process group.
  process.kill(-child.pid, "SIGTERM");
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}
