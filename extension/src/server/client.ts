/** The language server as the rest of the extension sees it: started, stopped, asked, and what state it is in. */

import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  type ExecuteCommandParams,
  ExecuteCommandRequest,
  type ExecuteCommandSignature,
  LanguageClient,
  type LanguageClientOptions,
  ShowMessageNotification,
  ShowMessageRequest,
  State as ClientState,
} from "vscode-languageclient/node";
import { COVERAGE, type CoverageMessage, type FileModules, MODULES, type ModulesParams } from "../protocol";
import { Deaths } from "./backoff";
import { askInDialog } from "./consent";
import type { Origin } from "./locate";
import { showMessage } from "./messages";
import { ProgressNotifications } from "./progress";
import { setValues } from "./settings";

/** How the server is. */
export type ServerState =
  | { readonly kind: "stopped" }
  | { readonly kind: "missing" }
  | { readonly kind: "starting"; readonly command: string }
  | { readonly kind: "running"; readonly command: string; readonly origin: Origin; readonly version: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Lets the extension do a command of the server's in its own way, from wherever it was called. */
export type Intercept = (command: string, args: unknown[]) => Promise<unknown> | undefined;

const SECTION = "llm4cov";
const LANGUAGES = ["verilog", "systemverilog"];
export const SELECTOR: vscode.DocumentSelector = LANGUAGES.map((language) => ({ scheme: "file", language }));

/** A client that writes what went wrong into the log only: who watches the server's state says it, in words that help. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** One server for the window. */
export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  /** Commands that wait for their answer. */
  private asked = 0;
  private starting: Promise<void> = Promise.resolve();
  private current: ServerState = { kind: "stopped" };
  private readonly deaths = new Deaths();
  private readonly progress = new ProgressNotifications();
  private readonly changed = new vscode.EventEmitter<ServerState>();
  private readonly covered = new vscode.EventEmitter<CoverageMessage>();
  readonly onState = this.changed.event;
  readonly onCoverage = this.covered.event;

  /** Set by who does commands in another way. */
  intercept: Intercept = () => undefined;

  constructor(
    private readonly log: vscode.LogOutputChannel,
    private readonly keys: readonly string[],
  ) {}

  get state(): ServerState {
    return this.current;
  }

  get isRunning(): boolean {
    return this.current.kind === "running";
  }

  /** Start the program; one that runs is stopped first. */
  async start(command: string, origin: Origin): Promise<void> {
    await this.stop();
    this.deaths.clear();
    this.set({ kind: "starting", command });
    const client = new QuietClient(SECTION, "LLM4Cov", { command, args: ["--stdio"] }, this.options());
    this.client = client;
    client.onNotification(COVERAGE, (message: CoverageMessage) => {
      this.covered.fire(message);
    });
    client.onNotification(ShowMessageNotification.type, (params) => {
      void showMessage(params);
    });
    client.onDidChangeState((event) => {
      if (this.client === client && event.newState === ClientState.Running) {
        // In the place of the language client's own, which it sets up each time that a server starts.
        client.onRequest(ShowMessageRequest.type, askInDialog);
        this.set({ kind: "running", command, origin, version: client.initializeResult?.serverInfo?.version ?? "unknown" });
      }
    });
    try {
      this.starting = client.start();
      await this.starting;
    } catch (error) {
      this.log.error(String(error));
      this.set({ kind: "failed", reason: `${command} could not be started: ${error instanceof Error ? error.message : String(error)}` });
    }
  }

  /** Wait until a server that starts runs or has failed. */
  async settled(): Promise<void> {
    await this.starting.catch(() => undefined);
  }

  /** Say that there is none to start. */
  missing(): void {
    this.set({ kind: "missing" });
  }

  /** Say that it can't be started. */
  failed(reason: string): void {
    this.set({ kind: "failed", reason });
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client !== undefined) {
      // One that is taken down while it shakes hands says so in messages that help nobody.
      await this.starting.catch(() => undefined);
      this.set({ kind: "stopped" });
      await client.dispose().catch((error: unknown) => {
        this.log.warn(String(error));
      });
    }
  }

  /** Run a command of the server's; undefined if no server runs. */
  async execute<Answer>(command: string, args: unknown[], token?: vscode.CancellationToken): Promise<Answer | undefined> {
    if (this.client === undefined || !this.isRunning) {
      return undefined;
    }
    const params: ExecuteCommandParams = { command, arguments: args };
    const { client } = this;
    // An argument that is undefined would be sent as one.
    const send = async (): Promise<unknown> =>
      token === undefined
        ? client.sendRequest(ExecuteCommandRequest.type, params)
        : client.sendRequest(ExecuteCommandRequest.type, params, token);
    return (await this.whileAsked(send)) as Answer;
  }

  /** Run something that a person waits for: its progress is shown where it can be cancelled. */
  private async whileAsked<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    this.asked += 1;
    try {
      return await work();
    } finally {
      this.asked -= 1;
    }
  }

  /** List the modules of files. */
  async modules(uris: readonly vscode.Uri[]): Promise<readonly FileModules[]> {
    if (this.client === undefined || !this.isRunning) {
      return [];
    }
    const params: ModulesParams = { uris: uris.map((uri) => uri.toString()) };
    return this.client.sendRequest<FileModules[]>(MODULES, params);
  }

  dispose(): void {
    void this.stop();
    this.progress.dispose();
    this.changed.dispose();
    this.covered.dispose();
  }

  private set(state: ServerState): void {
    this.current = state;
    this.changed.fire(state);
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: LANGUAGES.map((language) => ({ scheme: "file", language })),
      outputChannel: this.log,
      initializationOptions: { trusted: vscode.workspace.isTrusted, coverage: true },
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue }),
        closed: async () => this.died(),
      },
      // Else the client shows the protocol's own words; who watches the state says what happened.
      initializationFailedHandler: (error: unknown) => {
        this.log.error(String(error));
        return false;
      },
      middleware: {
        executeCommand: (command: string, args: unknown[], next: ExecuteCommandSignature): unknown =>
          this.intercept(command, args) ?? this.whileAsked<unknown>(() => next(command, args)),
        handleWorkDoneProgress: (token, part, next) => {
          if (this.client === undefined || !this.progress.take(this.client, token, part, this.asked > 0)) {
            next(token, part);
          }
        },
        workspace: {
          configuration: (params) =>
            params.items.map((item) => {
              const scope = item.scopeUri ? vscode.Uri.parse(item.scopeUri) : undefined;
              const configuration = vscode.workspace.getConfiguration(SECTION, scope ?? null);
              return setValues(
                this.keys,
                (key) => configuration.inspect(key),
                (key) => configuration.get(key),
              );
            }),
        },
      },
    };
  }

  private async died(): Promise<{ action: CloseAction; message?: string; handled: boolean }> {
    const next = this.deaths.add(Date.now());
    if (next.kind === "leave") {
      this.set({ kind: "failed", reason: "The server ended several times in a row." });
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    this.log.warn(`The server ended; it is started again in ${next.waitMs} ms.`);
    this.set({ kind: "starting", command: "" });
    await new Promise((resolve) => setTimeout(resolve, next.waitMs));
    return { action: CloseAction.Restart, handled: true };
  }
}
