/** Shows the server's progress: what a person asked for in a notification that can be cancelled, the rest where the editor puts it. */

import * as vscode from "vscode";
import { type LanguageClient, type ProgressToken, WorkDoneProgressCancelNotification } from "vscode-languageclient/node";

interface Part {
  readonly kind: "begin" | "report" | "end";
  readonly title?: string;
  readonly cancellable?: boolean;
  readonly message?: string;
}

/** The notifications that are shown now. */
export class ProgressNotifications implements vscode.Disposable {
  private readonly shown = new Map<ProgressToken, { report(message: string): void; end(): void }>();

  /** Take a part of a progress; false leaves it to the language client. */
  take(client: LanguageClient, token: ProgressToken, part: Part): boolean {
    if (part.kind === "begin") {
      if (!part.cancellable) {
        return false;
      }
      this.begin(client, token, part);
      return true;
    }
    const shown = this.shown.get(token);
    if (part.kind === "end") {
      shown?.end();
    } else if (part.message) {
      shown?.report(part.message);
    }
    return shown !== undefined;
  }

  dispose(): void {
    for (const one of this.shown.values()) {
      one.end();
    }
  }

  private begin(client: LanguageClient, token: ProgressToken, part: Part): void {
    const options = { location: vscode.ProgressLocation.Notification, title: part.title ?? "LLM4Cov", cancellable: true };
    void vscode.window.withProgress(options, async (progress, cancelled) => {
      await new Promise<void>((resolve) => {
        this.shown.set(token, {
          report: (message) => {
            progress.report({ message });
          },
          end: () => {
            this.shown.delete(token);
            resolve();
          },
        });
        if (part.message) {
          progress.report({ message: part.message });
        }
        cancelled.onCancellationRequested(() => {
          void client.sendNotification(WorkDoneProgressCancelNotification.type, { token });
        });
      });
    });
  }
}
