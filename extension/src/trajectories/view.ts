/** The view of what is stored: what was learned from it, designs, and how each testbench of theirs came about. */

import * as vscode from "vscode";
import type { AdapterMessage, LearningMessage } from "../protocol";
import type { Server } from "../server/client";
import { change, gain, schedule, standing, summary } from "./learning";
import { byDesign, course, type DesignGroup, outcome, type Trajectory } from "./model";

export type TrajectoryNode =
  | { readonly type: "learning" }
  | { readonly type: "schedule"; readonly learning: LearningMessage }
  | { readonly type: "adapter"; readonly adapter: AdapterMessage }
  | { readonly type: "design"; readonly group: DesignGroup }
  | { readonly type: "trajectory"; readonly trajectory: Trajectory };

const LIVE = new vscode.ThemeIcon("pass", new vscode.ThemeColor("testing.iconPassed"));
const LEARNING: TrajectoryNode = { type: "learning" };

interface Listed {
  readonly trajectories?: readonly Trajectory[];
}

const ICONS: Readonly<Record<string, vscode.ThemeIcon>> = {
  accepted: new vscode.ThemeIcon("pass", new vscode.ThemeColor("testing.iconPassed")),
  rejected: new vscode.ThemeIcon("circle-slash"),
  undone: new vscode.ThemeIcon("discard"),
};

export class TrajectoriesView implements vscode.Disposable, vscode.TreeDataProvider<TrajectoryNode> {
  private readonly changed = new vscode.EventEmitter<TrajectoryNode | undefined>();
  private readonly view: vscode.TreeView<TrajectoryNode>;
  private readonly listening: vscode.Disposable;
  /** What was learned, once somebody looked at it. */
  private learning: LearningMessage | undefined;
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
          this.changed.fire(undefined);
        }
      }),
    );
  }

  async getChildren(node?: TrajectoryNode): Promise<TrajectoryNode[]> {
    switch (node?.type) {
      case undefined: {
        const listed = await this.server.execute<Listed>("llm4cov.trajectory.list", []);
        const groups = byDesign(listed?.trajectories ?? []).map((group): TrajectoryNode => ({ type: "design", group }));
        // An empty view says what it is for.
        return groups.length === 0 ? [] : [LEARNING, ...groups];
      }
      case "learning":
        return this.learned();
      case "design":
        return node.group.trajectories.map((trajectory) => ({ type: "trajectory", trajectory }));
      default:
        return [];
    }
  }

  /** Ask what was learned: a program is started for that, so only once somebody looks. */
  private async learned(): Promise<TrajectoryNode[]> {
    if (this.learning !== undefined) {
      return partsOf(this.learning);
    }
    const learning = await this.server.execute<LearningMessage | { error: string }>("llm4cov.adapters", []);
    if (learning === undefined || "error" in learning) {
      return [];
    }
    this.learning = learning;
    // Its row tells the last result from now on.
    this.changed.fire(LEARNING);
    return partsOf(learning);
  }

  getTreeItem(node: TrajectoryNode): vscode.TreeItem {
    switch (node.type) {
      case "learning":
        return learningItem(this.learning);
      case "schedule":
        return scheduleItem(node.learning);
      case "adapter":
        return adapterItem(node.adapter);
      case "design":
        return designItem(node.group);
      case "trajectory":
        return trajectoryItem(node);
    }
  }

  /** Look at everything again. */
  refresh(): void {
    this.learning = undefined;
    this.changed.fire(undefined);
  }

  dispose(): void {
    this.view.dispose();
    this.listening.dispose();
    this.changed.dispose();
  }
}

function partsOf(learning: LearningMessage): TrajectoryNode[] {
  return [{ type: "schedule", learning }, ...learning.adapters.map((adapter): TrajectoryNode => ({ type: "adapter", adapter }))];
}

function learningItem(learning: LearningMessage | undefined): vscode.TreeItem {
  const item = new vscode.TreeItem("Learning", vscode.TreeItemCollapsibleState.Collapsed);
  item.id = "learning";
  item.description = learning === undefined ? "" : summary(learning);
  item.iconPath = new vscode.ThemeIcon("mortar-board");
  item.contextValue = "learning";
  return item;
}

function scheduleItem(learning: LearningMessage): vscode.TreeItem {
  const item = new vscode.TreeItem("By itself", vscode.TreeItemCollapsibleState.None);
  item.id = "learning/schedule";
  item.description = schedule(learning);
  item.iconPath = new vscode.ThemeIcon("clock");
  item.contextValue = "schedule";
  item.command = { command: "llm4cov.editor.chooseSchedule", title: "Choose" };
  return item;
}

function adapterItem(one: AdapterMessage): vscode.TreeItem {
  const item = new vscode.TreeItem(change(one), vscode.TreeItemCollapsibleState.None);
  item.id = `learning/${one.id}`;
  item.description = [one.made === "" ? "" : new Date(one.made).toLocaleString(), standing(one)].filter(Boolean).join(" · ");
  item.tooltip = [`${one.id}, for ${one.base}`, "Coverage on held-out designs, repairs included", gain(one), examples(one)]
    .filter(Boolean)
    .join("\n");
  item.iconPath = one.live ? LIVE : new vscode.ThemeIcon("circle-outline");
  item.contextValue = one.live ? "adapter.live" : "adapter";
  return item;
}

function examples(one: AdapterMessage): string {
  return one.examples === null ? "" : `learned from ${one.examples} examples`;
}

function designItem(group: DesignGroup): vscode.TreeItem {
  const item = new vscode.TreeItem(group.top, vscode.TreeItemCollapsibleState.Expanded);
  item.id = group.design;
  item.description = group.trajectories.length === 1 ? "1 trajectory" : `${group.trajectories.length} trajectories`;
  item.iconPath = new vscode.ThemeIcon("chip");
  item.contextValue = "design";
  return item;
}

function trajectoryItem(node: Extract<TrajectoryNode, { type: "trajectory" }>): vscode.TreeItem {
  const one = node.trajectory;
  const item = new vscode.TreeItem(course(one), vscode.TreeItemCollapsibleState.None);
  item.id = one.id;
  item.description = [new Date(one.began).toLocaleString(), outcome(one)].filter(Boolean).join(" · ");
  item.iconPath = ICONS[outcome(one)] ?? new vscode.ThemeIcon("git-commit");
  item.contextValue = "trajectory";
  item.command = { command: "llm4cov.editor.showTrajectory", title: "Show", arguments: [node] };
  return item;
}
