/** The view of holes in the side bar. */

import * as vscode from "vscode";
import type { CoverageMessage } from "../protocol";
import type { Server } from "../server/client";
import {
  type Filter,
  filterWords,
  holesTree,
  type HoleEntry,
  type KindNode,
  KINDS,
  labelOf,
  type ModuleNode,
  NO_FILTER,
  VERDICTS,
} from "./model";

export type HolesNode =
  | { readonly type: "module"; readonly module: ModuleNode }
  | { readonly type: "kind"; readonly module: ModuleNode; readonly kind: KindNode }
  | { readonly type: "hole"; readonly entry: HoleEntry };

/** Most holes of a kind that are shown without asking. */
const MOST_EXPANDED = 8;
const KIND_ICONS: Readonly<Record<string, string>> = {
  line: "list-flat",
  branch: "git-branch",
  fsm: "type-hierarchy",
  expr: "symbol-operator",
  toggle: "symbol-boolean",
};
const KIND_NAMES: Readonly<Record<string, string>> = {
  line: "Lines",
  branch: "Branches",
  fsm: "State machines",
  expr: "Expressions",
  toggle: "Toggles",
};
const VERDICT_ICONS: Readonly<Record<string, vscode.ThemeIcon>> = {
  unknown: new vscode.ThemeIcon("circle-outline"),
  covered: new vscode.ThemeIcon("target", new vscode.ThemeColor("charts.blue")),
  bounded: new vscode.ThemeIcon("watch", new vscode.ThemeColor("charts.yellow")),
  unreachable: new vscode.ThemeIcon("circle-slash", new vscode.ThemeColor("disabledForeground")),
};

export class HolesView implements vscode.Disposable, vscode.TreeDataProvider<HolesNode> {
  private readonly messages = new Map<string, CoverageMessage>();
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly view: vscode.TreeView<HolesNode>;
  private readonly listening: vscode.Disposable;
  private filter: Filter = NO_FILTER;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(server: Server) {
    this.view = vscode.window.createTreeView("llm4cov.holes", { treeDataProvider: this, showCollapseAll: true });
    this.listening = server.onCoverage((message) => {
      if (!message.interim && message.files.length > 0) {
        this.messages.set(`${message.uri}\n${message.top}`, message);
        this.refresh();
      }
    });
  }

  getChildren(node?: HolesNode): HolesNode[] {
    if (node === undefined) {
      return holesTree(this.messages.values(), this.filter).map((module) => ({ type: "module", module }));
    }
    switch (node.type) {
      case "module":
        return node.module.kinds.map((kind) => ({ type: "kind", module: node.module, kind }));
      case "kind":
        return node.kind.holes.map((entry) => ({ type: "hole", entry }));
      case "hole":
        return [];
    }
  }

  getTreeItem(node: HolesNode): vscode.TreeItem {
    switch (node.type) {
      case "module":
        return moduleItem(node.module);
      case "kind":
        return kindItem(node.module, node.kind);
      case "hole":
        return holeItem(node.entry);
    }
  }

  /** The modules that were measured. */
  modules(): { readonly uri: vscode.Uri; readonly top: string }[] {
    return [...this.messages.values()].map((message) => ({ uri: vscode.Uri.parse(message.uri), top: message.top }));
  }

  /** Let the user choose what is shown. */
  async chooseFilter(): Promise<void> {
    const kinds = KINDS.map((kind) => ({ label: KIND_NAMES[kind] ?? kind, kind, picked: this.filter.kinds.includes(kind) }));
    const verdicts = Object.entries(VERDICTS).map(([verdict, label]) => ({
      label,
      verdict,
      picked: this.filter.verdicts.includes(verdict),
    }));
    const picked = await vscode.window.showQuickPick<vscode.QuickPickItem & { kind?: vscode.QuickPickItemKind | string; verdict?: string }>(
      [
        ...kinds.map((one) => ({ label: one.label, picked: one.picked })),
        ...verdicts.map((one) => ({ label: one.label, picked: one.picked })),
      ],
      { canPickMany: true, title: "Which holes?", placeHolder: "Nothing picked shows all" },
    );
    if (picked === undefined) {
      return;
    }
    const labels = new Set(picked.map((one) => one.label));
    const text = await vscode.window.showInputBox({ title: "With which words?", value: this.filter.text, placeHolder: "Empty shows all" });
    this.filter = {
      kinds: kinds.filter((one) => labels.has(one.label)).map((one) => one.kind),
      verdicts: verdicts.filter((one) => labels.has(one.label)).map((one) => one.verdict),
      text: text ?? this.filter.text,
    };
    this.refresh();
  }

  clearFilter(): void {
    this.filter = NO_FILTER;
    this.refresh();
  }

  dispose(): void {
    this.view.dispose();
    this.listening.dispose();
    this.changed.dispose();
  }

  private refresh(): void {
    const words = filterWords(this.filter);
    this.view.message = words;
    void vscode.commands.executeCommand("setContext", "llm4cov.holesFiltered", words !== "");
    this.changed.fire(undefined);
  }
}

function moduleItem(module: ModuleNode): vscode.TreeItem {
  const state = module.kinds.length === 0 ? vscode.TreeItemCollapsibleState.None : vscode.TreeItemCollapsibleState.Expanded;
  const item = new vscode.TreeItem(module.top, state);
  item.id = `${module.uri}::${module.top}`;
  item.description = module.description;
  item.iconPath = new vscode.ThemeIcon("chip");
  item.contextValue = "module";
  return item;
}

function kindItem(module: ModuleNode, kind: KindNode): vscode.TreeItem {
  const few = kind.holes.length <= MOST_EXPANDED;
  const state = few ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed;
  const item = new vscode.TreeItem(KIND_NAMES[kind.kind] ?? kind.kind, state);
  item.id = `${module.uri}::${module.top}::${kind.kind}`;
  item.description = String(kind.points);
  item.iconPath = new vscode.ThemeIcon(KIND_ICONS[kind.kind] ?? "circle");
  item.contextValue = "kind";
  return item;
}

function holeItem(entry: HoleEntry): vscode.TreeItem {
  const { hole } = entry;
  const item = new vscode.TreeItem(labelOf(hole), vscode.TreeItemCollapsibleState.None);
  item.description = `line ${hole.line}${hole.verdict === "unknown" ? "" : ` · ${VERDICTS[hole.verdict] ?? hole.verdict}`}`;
  item.iconPath = VERDICT_ICONS[hole.verdict] ?? new vscode.ThemeIcon("circle-outline");
  item.tooltip = new vscode.MarkdownString([hole.detail, VERDICTS[hole.verdict] ?? hole.verdict, hole.reason].filter(Boolean).join("\n\n"));
  item.contextValue = hole.verdict === "unreachable" ? "hole.proved" : "hole.open";
  item.command = { command: "llm4cov.editor.openMeasured", title: "Open", arguments: [entry.file, entry.top, hole.line, hole.column] };
  return item;
}
