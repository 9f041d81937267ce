/** Publishes coverage that no test run asked for as runs of their own: measurements in the background, and generation as it goes on. */

import * as vscode from "vscode";
import type { CoverageMessage } from "../protocol";
import { fileCoverages } from "./coverage";
import { summary } from "./summary";
import type { TestTree } from "./tree";

/** A generation that is going on. */
interface Going {
  readonly run: vscode.TestRun;
  readonly item: vscode.TestItem;
  opened: boolean;
}

export class Live implements vscode.Disposable {
  /** The profile whose coverage is loaded in detail. */
  profile: vscode.TestRunProfile | undefined;
  private readonly going = new Map<string, Going>();
  /** Continuous runs that are on. */
  private readonly followed = new Set<vscode.TestRunRequest>();

  constructor(
    private readonly controller: vscode.TestController,
    private readonly tree: TestTree,
  ) {}

  /** Give results to a continuous run until it is ended. */
  follow(request: vscode.TestRunRequest, token: vscode.CancellationToken): void {
    this.followed.add(request);
    token.onCancellationRequested(() => {
      this.followed.delete(request);
    });
  }

  /** Take coverage. */
  take(message: CoverageMessage): void {
    const uri = vscode.Uri.parse(message.uri);
    const key = keyOf(uri, message.top);
    if (message.interim) {
      this.show(this.going.get(key) ?? this.begin(key, uri, message.top), message);
      return;
    }
    const going = this.going.get(key);
    if (going !== undefined) {
      this.going.delete(key);
      this.finish(going, message);
    } else if (message.files.length > 0) {
      const item = this.tree.testbenchItem(uri, message.top, message.testbench);
      const run = this.controller.createTestRun(this.requestFor(item), `${message.kind} ${message.top}`, false);
      run.started(item);
      this.finish({ run, item, opened: true }, message);
    }
  }

  /** End what goes on for a module: it was cancelled or failed. */
  end(uri: vscode.Uri, top: string): void {
    const key = keyOf(uri, top);
    const going = this.going.get(key);
    if (going !== undefined) {
      this.going.delete(key);
      going.run.skipped(going.item);
      going.run.end();
    }
  }

  dispose(): void {
    for (const one of this.going.values()) {
      one.run.end();
    }
  }

  private begin(key: string, uri: vscode.Uri, top: string): Going {
    const item = this.tree.moduleItem(uri, top);
    const run = this.controller.createTestRun(this.requestFor(item), `generate ${top}`, false);
    run.started(item);
    const going = { run, item, opened: false };
    this.going.set(key, going);
    return going;
  }

  private show(going: Going, message: CoverageMessage): void {
    for (const coverage of fileCoverages([{ item: going.item, message }])) {
      going.run.addCoverage(coverage);
    }
    if (!going.opened) {
      going.opened = true;
      void openCoverage();
    }
  }

  private finish(going: Going, message: CoverageMessage): void {
    this.show(going, message);
    if (message.status === "ok") {
      going.run.appendOutput(`${going.item.label}: ${summary(message)}\r\n`, undefined, going.item);
      going.run.passed(going.item, message.seconds * 1000);
    } else {
      going.run.failed(going.item, new vscode.TestMessage(message.problems.join("\n") || `The run ended as ${message.status}.`));
    }
    going.run.end();
  }

  private requestFor(item: vscode.TestItem): vscode.TestRunRequest {
    const followed = [...this.followed].find((one) => one.include === undefined || one.include.includes(item));
    // Without a profile the editor would not know whom to ask for the details.
    return followed ?? new vscode.TestRunRequest([item], undefined, this.profile, false, true);
  }
}

function keyOf(uri: vscode.Uri, top: string): string {
  return `${uri.toString()}\n${top}`;
}

/** Show the newest run's coverage in the editors, which the editor itself does only once a run has ended. */
async function openCoverage(): Promise<void> {
  try {
    await vscode.commands.executeCommand("testing.openCoverage");
    await vscode.commands.executeCommand("workbench.action.focusActiveEditorGroup");
  } catch {
    // An editor without this command shows the coverage when the run has ended.
  }
}
