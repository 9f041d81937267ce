/** The language client: one connection to one server program. Loaded when a server starts, as it is most of what there is to load. */

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
import { askInDialog } from "./consent";
import { showMessage } from "./messages";
import { ProgressNotifications } from "./progress";
import { setValues } from "./settings";

const SECTION = "llm4cov";
const LANGUAGES = ["verilog", "systemverilog"];

/** Who hears of a connection. */
export interface Listener {
  covered(message: CoverageMessage): void;
  /** The server answered, the first time or after it was started again. */
  runs(version: string): void;
  /** The server ended by itself; the milliseconds after which it is started again, undefined for never. */
  died(): number | undefined;
  /** Whether a person waits for an answer. */
  isAsked(): boolean;
  /** Run a command that the editor wants run. */
  command(name: string, args: unknown[], next: () => unknown): unknown;
}

/** A client that writes what went wrong into the log only: who watches the server's state says it, in words that help. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export class Connection {
  private readonly client: LanguageClient;
  private readonly progress = new ProgressNotifications();

  constructor(
    command: string,
    private readonly keys: readonly string[],
    private readonly log: vscode.LogOutputChannel,
    private readonly listener: Listener,
  ) {
    const client = new QuietClient(SECTION, "LLM4Cov", { command, args: ["--stdio"] }, this.options());
    this.client = client;
    client.onNotification(COVERAGE, (message: CoverageMessage) => {
      listener.covered(message);
    });
    client.onNotification(ShowMessageNotification.type, (params) => {
      void showMessage(params);
    });
    client.onDidChangeState((event) => {
      if (event.newState === ClientState.Running) {
        // In the place of the language client's own, which it sets up each time that a server starts.
        client.onRequest(ShowMessageRequest.type, askInDialog);
        listener.runs(client.initializeResult?.serverInfo?.version ?? "unknown");
      }
    });
  }

  async start(): Promise<void> {
    await this.client.start();
  }

  async execute(command: string, args: unknown[], token?: vscode.CancellationToken): Promise<unknown> {
    const params: ExecuteCommandParams = { command, arguments: args };
    // An argument that is undefined would be sent as one.
    return token === undefined
      ? this.client.sendRequest(ExecuteCommandRequest.type, params)
      : this.client.sendRequest(ExecuteCommandRequest.type, params, token);
  }

  async modules(params: ModulesParams): Promise<readonly FileModules[]> {
    return this.client.sendRequest<FileModules[]>(MODULES, params);
  }

  async dispose(): Promise<void> {
    this.progress.dispose();
    await this.client.dispose();
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: LANGUAGES.map((language) => ({ scheme: "file", language })),
      outputChannel: this.log,
      initializationOptions: { trusted: vscode.workspace.isTrusted, coverage: true },
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue }),
        closed: async () => this.closed(),
      },
      // Else the client shows the protocol's own words; who watches the state says what happened.
      initializationFailedHandler: (error: unknown) => {
        this.log.error(String(error));
        return false;
      },
      middleware: {
        executeCommand: (command: string, args: unknown[], next: ExecuteCommandSignature): unknown =>
          this.listener.command(command, args, () => next(command, args) as unknown),
        handleWorkDoneProgress: (token, part, next) => {
          if (!this.progress.take(this.client, token, part, this.listener.isAsked())) {
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

  private async closed(): Promise<{ action: CloseAction; handled: boolean }> {
    const waitMs = this.listener.died();
    if (waitMs === undefined) {
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    return { action: CloseAction.Restart, handled: true };
  }
}
