/** Publishes coverage that no test run asked for as runs of their own: measurements in the background, and generation as it goes on. */

import * as vscode from "vscode";
import type { CoverageMessage } from "../protocol";
import { fileCoverages } from "./coverage";
import { summary } from "./summary";
import type { TestTree } from "./tree";

/** Least time between two looks at a generation that goes on: each is a run in the editor's history. */
const LOOK_MS = 1500;

/** A generation that is going on. */
interface Going {
  readonly run: vscode.TestRun;
  readonly item: vscode.TestItem;
  shownAt: number;
  /** Set while a look waits for its time. */
  later?: NodeJS.Timeout;
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
      this.look(this.going.get(key) ?? this.begin(key, uri, message), message);
      return;
    }
    const going = this.going.get(key);
    if (going !== undefined) {
      this.going.delete(key);
      clearTimeout(going.later);
      this.finish(this.anew(going, message), message);
    } else if (message.files.length > 0) {
      const item = this.tree.testbenchItem(uri, message.top, message.testbench);
      const run = this.controller.createTestRun(this.requestFor(item), titleOf(message), false);
      run.started(item);
      this.finish({ run, item, shownAt: 0 }, message);
    }
  }

  /** End what goes on for a module: it was cancelled or failed. `uri` is the file that declares it, or one of its design. */
  end(uri: vscode.Uri, top: string): void {
    const own = keyOf(uri, top);
    const key = this.going.has(own) ? own : [...this.going.keys()].find((one) => one.endsWith(`\n${top}`));
    const going = key === undefined ? undefined : this.going.get(key);
    if (key !== undefined && going !== undefined) {
      this.going.delete(key);
      clearTimeout(going.later);
      going.run.skipped(going.item);
      going.run.end();
      if (going.shownAt > 0) {
        // What a search had hit is the coverage of no testbench.
        void vscode.commands.executeCommand("testing.coverage.close");
      }
    }
  }

  dispose(): void {
    for (const one of this.going.values()) {
      clearTimeout(one.later);
      one.run.end();
    }
  }

  private begin(key: string, uri: vscode.Uri, message: CoverageMessage): Going {
    const item = this.tree.moduleItem(uri, message.top);
    const run = this.controller.createTestRun(this.requestFor(item), titleOf(message), false);
    run.started(item);
    const going = { run, item, shownAt: 0 };
    this.going.set(key, going);
    return going;
  }

  /**
   * Show what was hit so far. The editor shows a run's coverage once it has ended and reads a file's details only once, so each look
   * is a run of its own that ends at once; the item goes on in the run that was begun.
   */
  private look(going: Going, message: CoverageMessage): void {
    clearTimeout(going.later);
    const wait = going.shownAt + LOOK_MS - Date.now();
    if (wait > 0) {
      going.later = setTimeout(() => {
        this.look(going, message);
      }, wait);
      return;
    }
    if (message.files.every((file) => file.lines.every(([, hits]) => hits === 0))) {
      // Nothing but red: the first green line is worth waiting for, and shown at once.
      return;
    }
    going.shownAt = Date.now();
    const run = this.controller.createTestRun(this.requestFor(going.item), `${titleOf(message)}: so far`, false);
    addCoverage(run, going.item, message);
    run.appendOutput(`${going.item.label} so far: ${summary(message)}\r\n`);
    run.end();
  }

  /** The editor shows the run that was begun last: after looks that is to be the one with the result. */
  private anew(going: Going, message: CoverageMessage): Going {
    if (going.shownAt === 0) {
      return going;
    }
    going.run.end();
    const run = this.controller.createTestRun(this.requestFor(going.item), `${message.kind} ${message.top}`, false);
    run.started(going.item);
    return { ...going, run };
  }

  private finish(going: Going, message: CoverageMessage): void {
    addCoverage(going.run, going.item, message);
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

/** The name of a run in the editor's history. */
function titleOf(message: CoverageMessage): string {
  return message.kind === "go_on" ? `better the testbench of ${message.top}` : `${message.kind} ${message.top}`;
}

function keyOf(uri: vscode.Uri, top: string): string {
  return `${uri.toString()}\n${top}`;
}

function addCoverage(run: vscode.TestRun, item: vscode.TestItem, message: CoverageMessage): void {
  for (const coverage of fileCoverages([{ item, message }])) {
    run.addCoverage(coverage);
  }
}
