import * as vscode from "vscode";
import type { App } from "./app";
import { doctor } from "./commands/doctor";
import { generateFor, generateTestbench, proposing } from "./commands/generate";
import { clearHolesFilter, coverHole, excludeHole, explainHole, filterHoles, proveHole } from "./commands/holes";
import { chooseSchedule, retrain, rollBack } from "./commands/learning";
import { measureModule } from "./commands/measure";
import { openMeasured } from "./commands/place";
import { exportReport, showReport } from "./commands/report";
import { acceptPart, acceptTestbench, rejectTestbench, undoAccept } from "./commands/review";
import { installServer, restartServer, showLog } from "./commands/server";
import { deleteTrajectories, exportTrajectories, refreshTrajectories, showTrajectory } from "./commands/trajectories";
import { type HolesNode, HolesView } from "./holes/view";
import { settingKeys, versionOf } from "./manifest";
import { Pages } from "./pages";
import { Reports } from "./report/panel";
import { Review } from "./review/review";
import { Server } from "./server/client";
import { Setup } from "./server/setup";
import { showStatus } from "./status";
import { Testing } from "./testing/runs";
import { registerTools } from "./tools/tools";
import { type TrajectoryNode, TrajectoriesView } from "./trajectories/view";

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("LLM4Cov", { log: true });
  const version = versionOf(context);
  const server = new Server(log, settingKeys(context));
  const setup = new Setup(context, server, log, version);
  const testing = new Testing(server, async (uri, top) => generateFor(app, { uri, top }));
  const pages = new Pages();
  const review = new Review(server);
  const holes = new HolesView(server);
  const reports = new Reports(server);
  const trajectories = new TrajectoriesView(server);
  const app: App = { context, version, log, server, setup, testing, pages, review, holes, reports, trajectories };
  server.intercept = (command, args) => proposing(app, command, args);

  const onFile: Record<string, (app: App, uri?: vscode.Uri) => unknown> = {
    generate: generateTestbench,
    measure: measureModule,
    accept: acceptTestbench,
    acceptPart,
    reject: rejectTestbench,
    undo: undoAccept,
    doctor,
    restartServer,
    installServer,
    showLog,
  };
  const onHole: Record<string, (app: App, node?: HolesNode) => unknown> = {
    coverHole,
    proveHole,
    explainHole,
    excludeHole,
    filterHoles,
    clearHolesFilter,
  };
  const onTrajectory: Record<string, (app: App, node?: TrajectoryNode) => unknown> = {
    showTrajectory,
    deleteTrajectories,
    exportTrajectories,
    refreshTrajectories,
    retrain,
    chooseSchedule,
    rollBack,
  };
  const register = vscode.commands.registerCommand;
  context.subscriptions.push(
    register("llm4cov.editor.showReport", (from?: vscode.Uri | HolesNode) => showReport(app, from)),
    // These are called by the pages too, which name their module in words.
    register("llm4cov.editor.refreshReport", (uri: string, top: string) => showReport(app, uri, top)),
    register("llm4cov.editor.exportReport", (from?: vscode.Uri | HolesNode | string, top?: string) => exportReport(app, from, top)),
    register("llm4cov.editor.openMeasured", (uri: string, top: string, line: number, column?: number) =>
      openMeasured(app, uri, top, line, column),
    ),
  );
  for (const [name, command] of Object.entries(onTrajectory)) {
    context.subscriptions.push(vscode.commands.registerCommand(`llm4cov.editor.${name}`, (node?: TrajectoryNode) => command(app, node)));
  }
  for (const [name, command] of Object.entries(onFile)) {
    context.subscriptions.push(vscode.commands.registerCommand(`llm4cov.editor.${name}`, (uri?: vscode.Uri) => command(app, uri)));
  }
  for (const [name, command] of Object.entries(onHole)) {
    context.subscriptions.push(vscode.commands.registerCommand(`llm4cov.editor.${name}`, (node?: HolesNode) => command(app, node)));
  }
  const owned = [log, server, testing, pages, review, holes, reports, trajectories, showStatus(server, version), registerTools(app)];
  context.subscriptions.push(...owned);
  context.subscriptions.push(
    // The server is told of trust when it starts.
    vscode.workspace.onDidGrantWorkspaceTrust(() => restartServer(app)),
    vscode.workspace.onDidChangeConfiguration((event) => (event.affectsConfiguration("llm4cov.server") ? restartServer(app) : undefined)),
  );
  void setup.start();
}
