/** The first run on a machine that has nothing: no server, an old Python, no compiler. */

import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "./machine";
import { BUILD_MS, type Step } from "./steps";

const INSTALLING = /Installing the LLM4Cov server/;

/** Offered an installation, which fails as Python is too old, and works once there is a new one. */
export function installsItsServer(machine: Machine, python: string, home: string): Step {
  return async ({ screen }) => {
    await screen.openFile("traffic_light.sv");
    await screen.toast(/needs its server/).waitFor();
    await screen.rest();
    await screen.picture("no-server");
    await machine.fake("python3", "Python 3.9.2");
    await screen.answer(/needs its server/, "Install");
    await screen.toast(/Python 3\.9 is too old/).waitFor();
    await screen.rest();
    await screen.picture("old-python");
    await machine.install("python3", python);
    await screen.answer(/Python 3\.9 is too old/, "Retry");
    await screen
      .toast(INSTALLING)
      .filter({ hasText: /Collecting|Downloading|Installing collected/ })
      .waitFor({ timeout: BUILD_MS });
    await screen.picture("installing");
    await screen.toast(INSTALLING).waitFor({ state: "detached", timeout: 2 * BUILD_MS });
    await access(join(home, "data/User/globalStorage/llm4cov.llm4cov"));
  };
}

/** The server runs, but no testbench can be built without a compiler: the message says what to install. */
export function saysThatACompilerIsMissing(machine: Machine): Step {
  return async ({ screen }) => {
    await screen.toast(/C\+\+ compiler/).waitFor({ timeout: BUILD_MS });
    await screen.rest();
    await screen.picture("no-compiler");
    await machine.installAll(/(g\+\+|gcc)/);
    await screen.command("LLM4Cov: Restart Server");
    await screen.lens(/\d+ holes/).waitFor({ timeout: 2 * BUILD_MS });
    await screen.rest();
    await screen.picture("installed");
  };
}
