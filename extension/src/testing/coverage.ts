/** Puts merged coverage into the editor's own objects. Asks nobody. */

import * as vscode from "vscode";
import type { BranchMessage, CoverageMessage, FileMessage } from "../protocol";
import { type Count, merge, type Merged } from "./merge";

/** What one testbench covers in a file. */
interface Share {
  readonly item: vscode.TestItem;
  readonly file: FileMessage;
}

/** Coverage by the test that it is of. */
export interface Told {
  readonly item: vscode.TestItem;
  readonly message: CoverageMessage;
}

/** A file's coverage, merged over testbenches, with each one's share. */
export class DesignFileCoverage extends vscode.FileCoverage {
  constructor(
    uri: vscode.Uri,
    private readonly shares: readonly Share[],
    private readonly interim: boolean,
    merged: Merged,
  ) {
    const items = [...new Set(shares.map((one) => one.item))];
    super(uri, countOf(merged.lineCount), countOf(merged.branchCount), countOf(merged.declarationCount), items);
  }

  /** All details, or those of one testbench. */
  details(item?: vscode.TestItem): vscode.FileCoverageDetail[] {
    const files = this.shares.filter((one) => item === undefined || one.item.id === item.id).map((one) => one.file);
    return detailsOf(merge(files), this.interim);
  }
}

/** Make the coverage of each file that the messages name. */
export function fileCoverages(told: readonly Told[]): DesignFileCoverage[] {
  const shares = new Map<string, Share[]>();
  for (const { item, message } of told) {
    for (const file of message.files) {
      shares.set(file.uri, [...(shares.get(file.uri) ?? []), { item, file }]);
    }
  }
  const interim = told.some((one) => one.message.interim);
  return [...shares].map(
    ([uri, found]) => new DesignFileCoverage(vscode.Uri.parse(uri), found, interim, merge(found.map((one) => one.file))),
  );
}

function detailsOf(merged: Merged, interim: boolean): vscode.FileCoverageDetail[] {
  const executed = (hits: number): number | boolean => (interim ? hits > 0 : hits);
  const statements = merged.lines.map((line) => {
    const branches = line.branches.map((one) => branchOf(one, executed));
    return new vscode.StatementCoverage(executed(line.hits), new vscode.Position(line.line - 1, 0), branches);
  });
  const declarations = merged.declarations.map((one) => {
    const place = new vscode.Range(one.line - 1, 0, one.lastLine - 1, Number.MAX_SAFE_INTEGER);
    return new vscode.DeclarationCoverage(one.name, executed(one.hits), place);
  });
  return [...statements, ...declarations];
}

function branchOf(one: BranchMessage, executed: (hits: number) => number | boolean): vscode.BranchCoverage {
  const label = one.unreachable ? `${one.label} (proved unreachable)` : one.label;
  return new vscode.BranchCoverage(executed(one.hits), new vscode.Position(one.line - 1, Math.max(0, one.column - 1)), label);
}

function countOf(count: Count): vscode.TestCoverageCount {
  return new vscode.TestCoverageCount(count.covered, count.total);
}
