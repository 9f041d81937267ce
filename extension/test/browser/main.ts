/**
 * Drives the extension in a real VS Code, as a person would, and leaves a picture of each step.
 *
 * main.mjs TOOLS PICTURES [WINDOW...]: the folder with code-server, where pictures go, and which windows to open if not all.
 * The extension has to be packaged before.
 */

import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installsItsServer, saysThatACompilerIsMissing } from "./firstRun";
import { Machine } from "./machine";
import { basePython, placesOf, Session } from "./session";
import * as steps from "./steps";
import * as trouble from "./trouble";
import { makeWorkspace } from "./workspace";

const args = process.argv.slice(2);
const places = await placesOf(args);
const only = args.slice(2);
const wanted = (name: string): boolean => only.length === 0 || only.includes(name);
const failures: string[] = [];

/** The editor of somebody who has the server. */
async function settled(): Promise<void> {
  const session = await Session.start(places, "settled", { "llm4cov.server.path": places.server });
  try {
    if (wanted("main")) {
      const folder = join(places.home, "project");
      await makeWorkspace(folder, places.project);
      await session.inWindow("main", folder, true, [
        ["opens with lens and holes", steps.opensWithLensAndHoles],
        ["shows a report", steps.showsAReport],
        ["cancels half-way", steps.cancelsHalfWay],
        ["generates", steps.generates],
        ["accepts", steps.accepts],
        ["shows its trajectory", steps.showsItsTrajectory],
        ["shows testbench and coverage", steps.showsItsTestbenchAndCoverage],
        ["rejects with a reason", steps.rejectsWithAReason],
        ["accepts a part", steps.acceptsAPart],
        ["reloads", steps.reloads],
        ["survives its server", trouble.survivesItsServer(session.mark)],
      ]);
    }
    if (wanted("untrusted")) {
      const folder = join(places.home, "stranger");
      const [program, witness] = [join(places.home, "theirs"), join(places.home, "witness")];
      await writeFile(program, `#!/bin/sh\ntouch '${witness}'\n`);
      await chmod(program, 0o755);
      const theirs = { "llm4cov.server.path": program, "llm4cov.files.filelistCommand": [program], "llm4cov.mode": "generate" };
      await makeWorkspace(folder, places.project, theirs);
      await session.inWindow("untrusted", folder, false, [["runs nothing", trouble.runsNothingUntrusted(witness)]]);
    }
    if (wanted("trouble")) {
      const folder = join(places.home, "odd");
      const odd = { "llm4cov.generate.budgetSeconds": "as long as it takes", "llm4cov.testbench.path": "sealed/tb.sv" };
      await makeWorkspace(folder, places.project, odd);
      await session.inWindow("trouble", folder, true, [
        ["says which setting is wrong", trouble.saysWhichSettingIsWrong],
        ["says what can't be written", trouble.saysWhatCanNotBeWritten],
        ["works outside the workspace", trouble.worksOutsideTheWorkspace(join(places.home, "elsewhere"), places.project)],
      ]);
    }
  } finally {
    await session.stop();
    failures.push(...session.failures);
  }
}

/** The editor of somebody who has nothing yet. */
async function fresh(): Promise<void> {
  const machine = await Machine.make(join(places.home, "bin"), process.env["PATH"] ?? "");
  const session = await Session.start(places, "fresh", {}, { path: machine.path });
  try {
    const folder = join(places.home, "bare");
    await makeWorkspace(folder, places.project);
    await session.inWindow("fresh", folder, true, [
      ["installs its server", installsItsServer(machine, await basePython(places.server), session.home)],
      ["says that a compiler is missing", saysThatACompilerIsMissing(machine)],
    ]);
  } finally {
    await session.stop();
    failures.push(...session.failures);
  }
}

if (["main", "untrusted", "trouble"].some(wanted)) {
  await settled();
}
if (wanted("fresh")) {
  await fresh();
}
if (failures.length > 0) {
  console.log(`${failures.join("\n\n")}\n\nWhat the editors wrote is in ${places.home}.`);
  process.exit(1);
}
await rm(places.home, { recursive: true, force: true });
