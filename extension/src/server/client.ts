/** The language server as the rest of the extension sees it: started, stopped, asked, and what state it is in. */

import * as vscode from "vscode";
import type { CoverageMessage, FileModules } from "../protocol";
import { Deaths } from "./backoff";
import type { Connection, Listener } from "./connection";
import type { Origin } from "./locate";

/** How the server is. */
export type ServerState =
  | { readonly kind: "stopped" }
  | { readonly kind: "missing" }
  | { readonly kind: "starting"; readonly command: string }
  | { readonly kind: "running"; readonly command: string; readonly origin: Origin; readonly version: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Lets the extension do a command of the server's in its own way, from wherever it was called. */
export type Intercept = (command: string, args: unknown[]) => Promise<unknown> | undefined;

export const SELECTOR: vscode.DocumentSelector = ["verilog", "systemverilog"].map((language) => ({ scheme: "file", language }));

/** One server for the window. */
export class Server implements vscode.Disposable {
  private connection: Connection | undefined;
  /** Commands that wait for their answer. */
  private asked = 0;
  private starting: Promise<void> = Promise.resolve();
  private current: ServerState = { kind: "stopped" };
  private readonly deaths = new Deaths();
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
    // The language client is most of the extension, and an editor that starts has other things to load first.
    const { Connection } = await import("./connection");
    await this.stop();
    this.deaths.clear();
    this.set({ kind: "starting", command });
    const listener: Listener = {
      covered: (message) => {
        this.covered.fire(message);
      },
      runs: (version) => {
        if (this.connection === connection) {
          this.set({ kind: "running", command, origin, version });
        }
      },
      died: () => this.died(),
      isAsked: () => this.asked > 0,
      command: (name, args, next) => this.intercept(name, args) ?? this.whileAsked(next),
    };
    const connection = new Connection(command, this.keys, this.log, listener);
    this.connection = connection;
    try {
      this.starting = connection.start();
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
    const { connection } = this;
    this.connection = undefined;
    if (connection !== undefined) {
      // One that is taken down while it shakes hands says so in messages that help nobody.
      await this.starting.catch(() => undefined);
      this.set({ kind: "stopped" });
      await connection.dispose().catch((error: unknown) => {
        this.log.warn(String(error));
      });
    }
  }

  /** Run a command of the server's; undefined if no server runs. */
  async execute<Answer>(command: string, args: unknown[], token?: vscode.CancellationToken): Promise<Answer | undefined> {
    const { connection } = this;
    if (connection === undefined || !this.isRunning) {
      return undefined;
    }
    return (await this.whileAsked(async () => connection.execute(command, args, token))) as Answer;
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
    if (this.connection === undefined || !this.isRunning) {
      return [];
    }
    return this.connection.modules({ uris: uris.map((uri) => uri.toString()) });
  }

  dispose(): void {
    void this.stop();
    this.changed.dispose();
    this.covered.dispose();
  }

  private set(state: ServerState): void {
    this.current = state;
    this.changed.fire(state);
  }

  private died(): number | undefined {
    const next = this.deaths.add(Date.now());
    if (next.kind === "leave") {
      this.set({ kind: "failed", reason: "The server ended several times in a row." });
      return undefined;
    }
    this.log.warn(`The server ended; it is started again in ${next.waitMs} ms.`);
    this.set({ kind: "starting", command: "" });
    return next.waitMs;
  }
}
