/**
 * The judge as tools for language models: generate, cover, holes. Each asks the user first, and none works in a workspace that is not trusted.
 * What a model hands in names a file of the workspace and nothing else.
 */

import { isAbsolute } from "node:path";
import * as vscode from "vscode";
import type { App, ModuleTarget } from "../app";
import type { ReportMessage } from "../protocol";
import { type ProposingAnswer, readProposal } from "../review/proposal";
import { coverageAnswer, generatedAnswer, holesAnswer } from "./answers";

/** What all tools are told. */
interface Input {
  readonly file: string;
  readonly top?: string;
}

interface CoverInput extends Input {
  readonly testbench?: string;
}

interface HolesInput extends Input {
  readonly kind?: string;
  readonly most?: number;
}

interface Measured {
  readonly error?: string;
  readonly cancelled?: boolean;
  readonly status?: string;
  readonly overall?: number | null;
}

/** Offer the tools, where the editor knows of such. */
export function registerTools(app: App): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.lm.registerTool<Input>("llm4cov_generate", {
      prepareInvocation: ({ input }) =>
        prepared(
          "Generate a testbench",
          "It is searched for and simulated on this machine, or by the model that is set; nothing is written before you accept it.",
          input,
        ),
      invoke: async ({ input }, token) => told(async () => generate(app, input, token)),
    }),
    vscode.lm.registerTool<CoverInput>("llm4cov_cover", {
      prepareInvocation: ({ input }) => prepared("Measure coverage", "The testbench is built and run in a sandbox.", input),
      invoke: async ({ input }, token) => told(async () => cover(app, input, token)),
    }),
    vscode.lm.registerTool<HolesInput>("llm4cov_holes", {
      prepareInvocation: ({ input }) =>
        prepared("List what is not covered", "If that is not known yet, the testbench is built and run in a sandbox.", input),
      invoke: async ({ input }, token) => told(async () => holes(app, input, token)),
    }),
  );
}

async function generate(app: App, input: Input, token: vscode.CancellationToken): Promise<string> {
  const target = await targetOf(app, input);
  const uri = target.uri.toString();
  try {
    const answer = await app.server.execute<ProposingAnswer>("llm4cov.generate", [uri, target.top, { apply: false }], token);
    const proposal = readProposal(uri, target.top, checked(answer));
    if (proposal === undefined) {
      throw new Refusal("No testbench came of it.");
    }
    void app.review.show(proposal);
    return generatedAnswer(proposal);
  } finally {
    app.testing.live.end(target.uri, target.top);
  }
}

async function cover(app: App, input: CoverInput, token: vscode.CancellationToken): Promise<string> {
  const target = await targetOf(app, input);
  const other = input.testbench === undefined ? [] : [placeOf(input.testbench).toString()];
  const answer = checked(await app.server.execute<Measured>("llm4cov.measure", [target.uri.toString(), target.top, ...other], token));
  if (other.length > 0) {
    const overall = answer.overall ?? null;
    return `${input.testbench ?? ""}: run ${answer.status ?? "unknown"}; overall ${overall === null ? "not measured" : `${overall.toFixed(2)} %`} of ${target.top}.`;
  }
  return coverageAnswer(await reported(app, target));
}

async function holes(app: App, input: HolesInput, token: vscode.CancellationToken): Promise<string> {
  const target = await targetOf(app, input);
  const known = await reported(app, target);
  if (known.status === null || known.stale) {
    checked(await app.server.execute<Measured>("llm4cov.measure", [target.uri.toString(), target.top], token));
  }
  return holesAnswer(await reported(app, target), input);
}

async function reported(app: App, target: ModuleTarget): Promise<ReportMessage> {
  const report = await app.server.execute<ReportMessage | { readonly error: string }>("llm4cov.report", [
    target.uri.toString(),
    target.top,
  ]);
  if (report === undefined || "error" in report) {
    throw new Refusal(report?.error ?? "The server does not run.");
  }
  return report;
}

/** Find the module that is meant. */
async function targetOf(app: App, input: Input): Promise<ModuleTarget> {
  if (!vscode.workspace.isTrusted) {
    throw new Refusal("The workspace is not trusted: nothing is built or run.");
  }
  if (!(await app.setup.ready())) {
    throw new Refusal("The server does not run; the command LLM4Cov: Doctor tells why.");
  }
  const uri = placeOf(input.file);
  try {
    await vscode.workspace.openTextDocument(uri);
  } catch {
    throw new Refusal(`${input.file} can't be opened.`);
  }
  const modules = ((await app.server.modules([uri]))[0]?.modules ?? []).map((one) => one.name);
  const top = input.top ?? (modules.length === 1 ? modules[0] : undefined);
  if (top === undefined || !modules.includes(top)) {
    throw new Refusal(
      modules.length === 0 ? `${input.file} has no module with ports.` : `Name one module of ${input.file} as top: ${modules.join(", ")}.`,
    );
  }
  return { uri, top };
}

/** Make a file's place of what a model wrote; it must lie in the workspace. */
function placeOf(file: string): vscode.Uri {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const named = file.startsWith("file:") ? vscode.Uri.parse(file) : isAbsolute(file) ? vscode.Uri.file(file) : undefined;
  const first = folders[0];
  const uri = named ?? (first === undefined ? undefined : vscode.Uri.joinPath(first.uri, file));
  if (uri?.scheme !== "file" || vscode.workspace.getWorkspaceFolder(uri) === undefined) {
    throw new Refusal(`${file} is no file of the workspace.`);
  }
  return uri;
}

function prepared(title: string, message: string, input: Input): vscode.PreparedToolInvocation {
  const of = input.top === undefined ? input.file : `${input.top} in ${input.file}`;
  return {
    invocationMessage: `${title}: ${of}`,
    // A name from outside must not become a link or a picture.
    confirmationMessages: { title, message: new vscode.MarkdownString().appendText(`${of}. ${message}`) },
  };
}

/** What a model has to be told in place of an answer. */
class Refusal extends Error {}

async function told(work: () => Promise<string>): Promise<vscode.LanguageModelToolResult> {
  let text: string;
  try {
    text = await work();
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    text = `Error: ${error.message}`;
  }
  return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
}

function checked<Answer extends { readonly error?: string; readonly cancelled?: boolean }>(answer: Answer | undefined): Answer {
  if (answer === undefined) {
    throw new Refusal("The server does not run.");
  }
  if (answer.error !== undefined || answer.cancelled === true) {
    throw new Refusal(answer.error ?? "It was cancelled.");
  }
  return answer;
}
