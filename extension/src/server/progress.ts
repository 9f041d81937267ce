/** Shows the server's progress: what a person asked for in a notification that can be cancelled, the rest where the editor puts it. */

import * as vscode from "vscode";
import { type LanguageClient, type ProgressToken, WorkDoneProgressCancelNotification } from "vscode-languageclient/node";

interface Part {
  readonly kind: "begin" | "report" | "end";
  readonly title?: string;
  readonly cancellable?: boolean;
  readonly message?: string;
  readonly percentage?: number;
}

interface Shown {
  report(part: Part): void;
  end(): void;
}

/** The notifications that are shown now. */
export class ProgressNotifications implements vscode.Disposable {
  private readonly shown = new Map<ProgressToken, Shown>();

  /** Take a part of a progress; false leaves it to the language client. `asked`: whether a person waits for something. */
  take(client: LanguageClient, token: ProgressToken, part: Part, asked: boolean): boolean {
    if (part.kind === "begin") {
      if (!part.cancellable || !asked) {
        return false;
      }
      this.begin(client, token, part);
      return true;
    }
    const shown = this.shown.get(token);
    if (part.kind === "end") {
      shown?.end();
    } else {
      shown?.report(part);
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
        let done = 0;
        const report = (one: Part): void => {
          const step = Math.max(0, (one.percentage ?? done) - done);
          done += step;
          progress.report({ ...(one.message ? { message: one.message } : {}), ...(step > 0 ? { increment: step } : {}) });
        };
        this.shown.set(token, {
          report,
          end: () => {
            this.shown.delete(token);
            resolve();
          },
        });
        report(part);
        cancelled.onCancellationRequested(() => {
          void client.sendNotification(WorkDoneProgressCancelNotification.type, { token });
        });
      });
    });
  }
}
