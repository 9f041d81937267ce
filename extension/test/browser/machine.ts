/** A folder of programs that stands for the search path of a machine on which some are missing. */

import { chmod, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** What a fresh machine may lack: our server, any Python, uv, and C++ compilers. */
const LACKING = /^(llm4cov-lsp|uvx?|python[\d.]*|(.*-)?(g\+\+|c\+\+|clang\+\+|gcc|cc|clang)(-[\d.]+)?)$/;

export class Machine {
  private readonly lacking = new Map<string, string>();

  private constructor(readonly path: string) {}

  /** Make the folder: links to everything on a search path but what is lacking. */
  static async make(folder: string, path: string): Promise<Machine> {
    const machine = new Machine(folder);
    await mkdir(folder, { recursive: true });
    for (const place of path.split(delimiter).filter(Boolean)) {
      const names = await readdir(place).catch(() => []);
      await Promise.all(names.map(async (name) => machine.take(name, join(place, name))));
    }
    return machine;
  }

  /** Put a program there that prints something and does nothing else. */
  async fake(name: string, output: string): Promise<void> {
    await this.script(name, `echo '${output}'`);
  }

  /** Put a program there that is another one. */
  async install(name: string, program: string): Promise<void> {
    await this.script(name, `exec '${program}' "$@"`);
  }

  /** Put those there that were left out and match. */
  async installAll(names: RegExp): Promise<void> {
    for (const [name, program] of this.lacking) {
      if (names.test(name)) {
        await symlink(program, join(this.path, name));
      }
    }
  }

  private async take(name: string, program: string): Promise<void> {
    if (!LACKING.test(name)) {
      // The first folder of a search path wins.
      await symlink(program, join(this.path, name)).catch(() => undefined);
    } else if (!this.lacking.has(name)) {
      this.lacking.set(name, program);
    }
  }

  private async script(name: string, line: string): Promise<void> {
    const file = join(this.path, name);
    await rm(file, { force: true });
    await writeFile(file, `#!/bin/sh\n${line}\n`);
    await chmod(file, 0o755);
  }
}
