/** What the parts of the extension share: the server, the log and how to find things. Does nothing by itself. */

import * as vscode from "vscode";
import type { HolesView } from "./holes/view";
import type { Pages } from "./pages";
import type { Reports } from "./report/panel";
import type { Review } from "./review/review";
import type { Server } from "./server/client";
import type { Setup } from "./server/setup";
import type { TrajectoriesView } from "./trajectories/view";
import type { Testing } from "./testing/runs";

export interface App {
  readonly context: vscode.ExtensionContext;
  readonly version: string;
  readonly log: vscode.LogOutputChannel;
  readonly server: Server;
  readonly setup: Setup;
  readonly testing: Testing;
  readonly pages: Pages;
  readonly review: Review;
  readonly holes: HolesView;
  readonly reports: Reports;
  readonly trajectories: TrajectoriesView;
}

/** A module of a file. */
export interface ModuleTarget {
  readonly uri: vscode.Uri;
  readonly top: string;
}
