/** The view of what is stored: designs, and how each testbench of theirs came about. */

import * as vscode from "vscode";
import type { Server } from "../server/client";
import { byDesign, course, type DesignGroup, outcome, type Trajectory } from "./model";

export type TrajectoryNode =
  { readonly type: "design"; readonly group: DesignGroup } | { readonly type: "trajectory"; readonly trajectory: Trajectory };

interface Listed {
  readonly trajectories?: readonly Trajectory[];
}

const ICONS: Readonly<Record<string, vscode.ThemeIcon>> = {
  accepted: new vscode.ThemeIcon("pass", new vscode.ThemeColor("testing.iconPassed")),
  rejected: new vscode.ThemeIcon("circle-slash"),
  undone: new vscode.ThemeIcon("discard"),
};

export class TrajectoriesView implements vscode.Disposable, vscode.TreeDataProvider<TrajectoryNode> {
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly view: vscode.TreeView<TrajectoryNode>;
  private readonly listening: vscode.Disposable;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly server: Server) {
    this.view = vscode.window.createTreeView("llm4cov.trajectories", { treeDataProvider: this, showCollapseAll: true });
    this.listening = vscode.Disposable.from(
      server.onState((state) => {
        if (state.kind === "running") {
          this.refresh();
        }
      }),
      server.onCoverage((message) => {
        if (!message.interim && message.kind !== "measure") {
          this.refresh();
        }
      }),
    );
  }

  async getChildren(node?: TrajectoryNode): Promise<TrajectoryNode[]> {
    if (node === undefined) {
      const listed = await this.server.execute<Listed>("llm4cov.trajectory.list", []);
      return byDesign(listed?.trajectories ?? []).map((group) => ({ type: "design", group }));
    }
    return node.type === "design" ? node.group.trajectories.map((trajectory) => ({ type: "trajectory", trajectory })) : [];
  }

  getTreeItem(node: TrajectoryNode): vscode.TreeItem {
    if (node.type === "design") {
      const { group } = node;
      const item = new vscode.TreeItem(group.top, vscode.TreeItemCollapsibleState.Expanded);
      item.id = group.design;
      item.description = group.trajectories.length === 1 ? "1 trajectory" : `${group.trajectories.length} trajectories`;
      item.iconPath = new vscode.ThemeIcon("chip");
      item.contextValue = "design";
      return item;
    }
    const one = node.trajectory;
    const item = new vscode.TreeItem(course(one), vscode.TreeItemCollapsibleState.None);
    item.id = one.id;
    item.description = [new Date(one.began).toLocaleString(), outcome(one)].filter(Boolean).join(" · ");
    item.iconPath = ICONS[outcome(one)] ?? new vscode.ThemeIcon("git-commit");
    item.contextValue = "trajectory";
    item.command = { command: "llm4cov.editor.showTrajectory", title: "Show", arguments: [node] };
    return item;
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  dispose(): void {
    this.view.dispose();
    this.listening.dispose();
    this.changed.dispose();
  }
}
