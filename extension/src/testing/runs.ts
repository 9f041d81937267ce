/** The test controller: profiles to run and measure testbenches, and where their coverage goes. */

import * as vscode from "vscode";
import type { CoverageMessage } from "../protocol";
import type { Server } from "../server/client";
import { type DesignFileCoverage, fileCoverages, type Told } from "./coverage";
import { Live } from "./live";
import { summary } from "./summary";
import { type Target, TestTree } from "./tree";

/** What `llm4cov.measure` answers. */
interface Measured {
  readonly status?: string;
  readonly error?: string;
  readonly cancelled?: boolean;
}

/** The controller with its profiles. */
export class Testing implements vscode.Disposable {
  private readonly controller = vscode.tests.createTestController("llm4cov", "Verilog modules");
  private readonly tree: TestTree;
  readonly live: Live;
  /** Measurements that a run here has asked for: their coverage belongs to it. */
  private readonly wanted = new Map<string, (message: CoverageMessage) => void>();
  private readonly disposables: vscode.Disposable[] = [];

  constructor(
    private readonly server: Server,
    private readonly generate: (uri: vscode.Uri, top: string) => Promise<unknown>,
  ) {
    this.tree = new TestTree(this.controller, server);
    this.live = new Live(this.controller, this.tree);
    this.controller.resolveHandler = async (item) => {
      if (item === undefined) {
        await this.tree.discover();
      }
    };
    this.controller.refreshHandler = async () => this.tree.discover();
    this.profile("Run", vscode.TestRunProfileKind.Run);
    this.profile("Run with Coverage", vscode.TestRunProfileKind.Coverage);
    this.controller.createRunProfile("Generate Testbench", vscode.TestRunProfileKind.Run, async (request) => this.generateFor(request));
    const take = (message: CoverageMessage): void => {
      this.take(message);
    };
    this.disposables.push(this.controller, this.tree, this.live, server.onCoverage(take));
  }

  dispose(): void {
    for (const one of this.disposables) {
      one.dispose();
    }
  }

  private profile(label: string, kind: vscode.TestRunProfileKind): void {
    const run = async (request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> => this.run(request, token);
    const profile = this.controller.createRunProfile(label, kind, run, true, undefined, true);
    profile.loadDetailedCoverage = (_run, coverage) => Promise.resolve((coverage as DesignFileCoverage).details());
    profile.loadDetailedCoverageForTest = (_run, coverage, item) => Promise.resolve((coverage as DesignFileCoverage).details(item));
    if (kind === vscode.TestRunProfileKind.Coverage) {
      this.live.profile = profile;
    }
  }

  private async run(request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
    if (request.continuous) {
      // The server measures what changes by itself; each result becomes a run of this request until it is ended.
      this.live.follow(request, token);
    }
    const run = this.controller.createTestRun(request);
    const told: Told[] = [];
    for (const item of this.testbenchesOf(request)) {
      const target = this.tree.targetOf(item);
      if (token.isCancellationRequested || run.token.isCancellationRequested) {
        run.skipped(item);
      } else if (target?.testbench === undefined) {
        run.appendOutput(`${item.label} has no testbench yet: "Generate Testbench" makes one.\r\n`, undefined, item);
        run.skipped(item);
      } else {
        run.started(item);
        const message = await this.measure(target, run, item);
        if (message !== undefined) {
          told.push({ item, message });
        }
      }
    }
    // Once and merged: the editor reads a file's details only once for each run.
    for (const coverage of fileCoverages(told)) {
      run.addCoverage(coverage);
    }
    run.end();
  }

  private async measure(target: Target, run: vscode.TestRun, item: vscode.TestItem): Promise<CoverageMessage | undefined> {
    const testbench = target.testbench?.toString() ?? "";
    const key = keyOf(target.uri.toString(), target.top, testbench);
    const told: CoverageMessage[] = [];
    this.wanted.set(key, (message) => told.push(message));
    try {
      const answer = await this.server.execute<Measured>("llm4cov.measure", [target.uri.toString(), target.top, testbench], run.token);
      report(run, item, answer, told.at(-1));
    } catch (error) {
      run.errored(item, new vscode.TestMessage(error instanceof Error ? error.message : String(error)));
    } finally {
      this.wanted.delete(key);
    }
    return told.at(-1);
  }

  private take(message: CoverageMessage): void {
    const wanted = message.testbench !== null ? this.wanted.get(keyOf(message.uri, message.top, message.testbench)) : undefined;
    if (wanted !== undefined) {
      wanted(message);
    } else {
      this.live.take(message);
    }
  }

  private testbenchesOf(request: vscode.TestRunRequest): vscode.TestItem[] {
    const roots = request.include ?? [...this.controller.items].map(([, item]) => item);
    const excluded = new Set(request.exclude);
    return roots
      .flatMap((item) => (item.children.size > 0 ? [...item.children].map(([, child]) => child) : [item]))
      .filter((item) => !excluded.has(item) && !(item.parent !== undefined && excluded.has(item.parent)));
  }

  private async generateFor(request: vscode.TestRunRequest): Promise<void> {
    for (const item of request.include ?? []) {
      const target = this.tree.targetOf(item);
      if (target !== undefined) {
        await this.generate(target.uri, target.top);
      }
    }
  }
}

function keyOf(uri: string, top: string, testbench: string): string {
  return [vscode.Uri.parse(uri).toString(), top, vscode.Uri.parse(testbench).toString()].join("\n");
}

/** Give a test its outcome: a testbench passes if it could be measured. */
function report(run: vscode.TestRun, item: vscode.TestItem, answer: Measured | undefined, message: CoverageMessage | undefined): void {
  if (answer === undefined || answer.cancelled === true) {
    run.skipped(item);
  } else if (answer.status === "ok") {
    run.appendOutput(`${item.label}: ${summary(message)}\r\n`, undefined, item);
    run.passed(item, message === undefined ? undefined : message.seconds * 1000);
  } else {
    const why = message?.problems.join("\n") ?? "";
    run.failed(item, new vscode.TestMessage(answer.error ?? (why === "" ? `The run ended as ${answer.status ?? "unknown"}.` : why)));
  }
}
