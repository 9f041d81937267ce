/** The commands about the server itself. */

import type { App } from "../app";

export async function restartServer(app: App): Promise<void> {
  await app.server.stop();
  await app.setup.start();
}

export async function installServer(app: App): Promise<void> {
  await app.setup.install();
}

export function showLog(app: App): void {
  app.log.show();
}
