/** Brings a server up: finds it, offers to install it, checks its version, and says what is wrong with a button that helps. */

import * as vscode from "vscode";
import type { Server } from "./client";
import { makeEnvironment } from "./environment";
import { selectedInterpreter } from "./interpreter";
import { locate, type Located } from "./locate";
import { disagreement } from "./version";

const ASKED = "llm4cov.askedToInstall";

export class Setup {
  private installing: Promise<boolean> | undefined;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly server: Server,
    private readonly log: vscode.LogOutputChannel,
    private readonly version: string,
  ) {
    server.onState((state) => {
      if (state.kind === "failed") {
        void this.sayFailed(state.reason);
      } else if (state.kind === "running") {
        void this.checkVersion(state.version);
      }
    });
  }

  /** Start what is there; ask once whether to install one if nothing is, as soon as a Verilog file is open. */
  async start(): Promise<void> {
    const found = await this.find();
    switch (found.kind) {
      case "found":
        this.log.info(`Starting ${found.command} (${found.origin}).`);
        await this.server.start(found.command, found.origin);
        return;
      case "wrong":
        this.server.failed(`The setting llm4cov.server.path names ${found.command}, which can't be run.`);
        return;
      case "missing":
        this.log.info("llm4cov-lsp is neither in the selected Python environment nor on the path, and there is no private environment.");
        this.server.missing();
        if (vscode.workspace.isTrusted && !this.context.globalState.get<boolean>(ASKED)) {
          await this.ask();
        }
    }
  }

  /** Make the private environment, with progress, and start its server. False if it came to nothing. */
  async install(): Promise<boolean> {
    this.installing ??= this.makeAndStart().finally(() => {
      this.installing = undefined;
    });
    return this.installing;
  }

  /** Make sure that a server runs for a command that needs one: starts or offers it. */
  async ready(): Promise<boolean> {
    if (this.server.state.kind === "starting") {
      await this.server.settled();
    }
    if (this.server.isRunning) {
      return true;
    }
    if (this.server.state.kind === "missing") {
      const answer = await vscode.window.showWarningMessage(
        "LLM4Cov has no server yet: llm4cov-lsp was not found.",
        "Install Private Server",
        "Settings",
      );
      if (answer === "Settings") {
        await vscode.commands.executeCommand("workbench.action.openSettings", "llm4cov.server.path");
      }
      return answer === "Install Private Server" && this.install();
    }
    await this.start();
    return this.server.isRunning;
  }

  private async find(): Promise<Located> {
    return locate({
      setting: vscode.workspace.getConfiguration("llm4cov").get<string>("server.path", "").trim(),
      interpreter: await selectedInterpreter(),
      path: process.env["PATH"] ?? "",
      environment: this.environment,
    });
  }

  private get environment(): string {
    return vscode.Uri.joinPath(this.context.globalStorageUri, `server-${this.version}`).fsPath;
  }

  private async ask(): Promise<void> {
    const text =
      "LLM4Cov needs its server, llm4cov-lsp, which was not found. Install it into an environment of its own (about 240 MB, with Verilator)? Nothing else is changed.";
    const answer = await vscode.window.showInformationMessage(text, "Install", "I Have It Elsewhere", "Not Now");
    if (answer !== undefined) {
      await this.context.globalState.update(ASKED, true);
    }
    if (answer === "Install") {
      await this.install();
    } else if (answer === "I Have It Elsewhere") {
      await vscode.commands.executeCommand("workbench.action.openSettings", "llm4cov.server.path");
    }
  }

  private async makeAndStart(): Promise<boolean> {
    const options = { location: vscode.ProgressLocation.Notification, title: "Installing the LLM4Cov server", cancellable: true };
    const made = await vscode.window.withProgress(options, async (progress, cancelled) => {
      const abort = new AbortController();
      cancelled.onCancellationRequested(() => {
        abort.abort();
      });
      return makeEnvironment({
        environment: this.environment,
        wheels: vscode.Uri.joinPath(this.context.extensionUri, "dist").fsPath,
        interpreter: await selectedInterpreter(),
        signal: abort.signal,
        say: (message) => {
          progress.report({ message });
        },
        log: (line) => {
          this.log.info(line);
        },
      });
    });
    switch (made.kind) {
      case "made":
        await this.server.start(made.command, "private");
        return this.server.isRunning;
      case "cancelled":
        this.server.missing();
        return false;
      case "failed": {
        this.server.missing();
        const answer = await vscode.window.showErrorMessage(`${made.what} ${made.advice}`, "Retry", "Show Log");
        if (answer === "Show Log") {
          this.log.show();
        }
        return answer === "Retry" && this.makeAndStart();
      }
    }
  }

  private async checkVersion(server: string): Promise<void> {
    const wrong = disagreement(this.version, server);
    if (wrong === undefined) {
      return;
    }
    this.log.warn(wrong);
    if ((await vscode.window.showWarningMessage(wrong, "Install Private Server")) !== undefined) {
      await this.install();
    }
  }

  private async sayFailed(reason: string): Promise<void> {
    const answer = await vscode.window.showErrorMessage(`LLM4Cov: ${reason}`, "Restart Server", "Show Log", "Settings");
    switch (answer) {
      case "Restart Server":
        await this.start();
        return;
      case "Show Log":
        this.log.show();
        return;
      case "Settings":
        await vscode.commands.executeCommand("workbench.action.openSettings", "llm4cov.server.path");
    }
  }
}
