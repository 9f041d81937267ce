/** The test items: one for each module, with its testbenches below. Keeps them in step with the files. */

import * as vscode from "vscode";
import type { FileModules, ModuleMessage } from "../protocol";
import type { Server } from "../server/client";

/** What an item stands for. */
export interface Target {
  readonly uri: vscode.Uri;
  readonly top: string;
  /** Undefined for the module itself. */
  readonly testbench: vscode.Uri | undefined;
}

const FILES = "**/*.{v,sv}";
const LEFT_OUT = "**/{node_modules,.git,.venv,build,obj_dir}/**";
const MOST_FILES = 5000;
/** Files asked for at once: the server answers other things in between. */
const BATCH = 100;
const SETTLE_MS = 300;

/** The tree of one controller. */
export class TestTree implements vscode.Disposable {
  private readonly targets = new WeakMap<vscode.TestItem, Target>();
  private readonly waiting = new Map<string, vscode.Uri>();
  private readonly disposables: vscode.Disposable[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly controller: vscode.TestController,
    private readonly server: Server,
  ) {
    const watcher = vscode.workspace.createFileSystemWatcher(FILES);
    const later = (uri: vscode.Uri): void => {
      this.later(uri);
    };
    this.disposables.push(watcher, watcher.onDidCreate(later), watcher.onDidChange(later), watcher.onDidDelete(later));
    this.disposables.push(
      server.onState((state) => {
        if (state.kind === "running") {
          void this.discover();
        }
      }),
    );
  }

  /** Look for modules in all files of the workspace. */
  async discover(): Promise<void> {
    if (!this.server.isRunning) {
      return;
    }
    await this.ask(await vscode.workspace.findFiles(FILES, LEFT_OUT, MOST_FILES));
  }

  /** What an item stands for. */
  targetOf(item: vscode.TestItem): Target | undefined {
    return this.targets.get(item);
  }

  /** The item of a module, made if it is not there yet. */
  moduleItem(uri: vscode.Uri, top: string): vscode.TestItem {
    const known = this.controller.items.get(moduleId(uri, top));
    return known ?? this.addModule(uri, { name: top, firstLine: 1, lastLine: 1, testbenches: [] });
  }

  /** The item of a testbench; the module's own if it has none of this name. */
  testbenchItem(uri: vscode.Uri, top: string, testbench: string | null): vscode.TestItem {
    const module = this.moduleItem(uri, top);
    return (testbench !== null ? module.children.get(vscode.Uri.parse(testbench).toString()) : undefined) ?? module;
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const one of this.disposables) {
      one.dispose();
    }
  }

  /** Look again at files that changed, and at all modules near them, whose testbenches they may be. */
  private later(uri: vscode.Uri): void {
    this.waiting.set(uri.toString(), uri);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const changed = [...this.waiting.values()];
      this.waiting.clear();
      const folders = new Set(changed.flatMap((one) => nearFolders(one)));
      const near: vscode.Uri[] = [];
      for (const [, item] of this.controller.items) {
        if (item.uri !== undefined && nearFolders(item.uri).some((folder) => folders.has(folder))) {
          near.push(item.uri);
        }
      }
      void this.ask([...changed, ...near]);
    }, SETTLE_MS);
  }

  private async ask(uris: readonly vscode.Uri[]): Promise<void> {
    const unique = [...new Map(uris.map((uri) => [uri.toString(), uri])).values()];
    for (let at = 0; at < unique.length; at += BATCH) {
      for (const one of await this.server.modules(unique.slice(at, at + BATCH))) {
        this.take(one);
      }
    }
  }

  private take(file: FileModules): void {
    const uri = vscode.Uri.parse(file.uri);
    const names = new Set(file.modules.map((one) => one.name));
    for (const [id, item] of this.controller.items) {
      if (item.uri?.toString() === uri.toString() && !names.has(item.label)) {
        this.controller.items.delete(id);
      }
    }
    for (const module of file.modules) {
      this.addModule(uri, module);
    }
  }

  private addModule(uri: vscode.Uri, module: ModuleMessage): vscode.TestItem {
    const id = moduleId(uri, module.name);
    const item = this.controller.items.get(id) ?? this.controller.createTestItem(id, module.name, uri);
    item.range = new vscode.Range(module.firstLine - 1, 0, module.firstLine - 1, 0);
    item.description = module.testbenches.length === 0 ? "no testbench" : "";
    this.targets.set(item, { uri, top: module.name, testbench: undefined });
    const children = module.testbenches.map((name) => {
      const testbench = vscode.Uri.parse(name);
      const childId = testbench.toString();
      const child =
        item.children.get(childId) ?? this.controller.createTestItem(childId, testbench.path.split("/").at(-1) ?? name, testbench);
      this.targets.set(child, { uri, top: module.name, testbench });
      return child;
    });
    item.children.replace(children);
    this.controller.items.add(item);
    return item;
  }
}

function moduleId(uri: vscode.Uri, top: string): string {
  return `${uri.toString()}::${top}`;
}

/** A file's own folder and the two that a testbench for it may lie in. */
function nearFolders(uri: vscode.Uri): string[] {
  return [vscode.Uri.joinPath(uri, "..").toString(), vscode.Uri.joinPath(uri, "..", "..").toString()];
}
