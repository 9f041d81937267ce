/** Gives the server only what somebody set: a default sent along would hide what llm4cov.toml says. */

/** What `WorkspaceConfiguration.inspect` tells of a setting, as far as it matters here. */
export interface Inspected {
  readonly defaultValue?: unknown;
  readonly globalValue?: unknown;
  readonly workspaceValue?: unknown;
  readonly workspaceFolderValue?: unknown;
  readonly globalLanguageValue?: unknown;
  readonly workspaceLanguageValue?: unknown;
  readonly workspaceFolderLanguageValue?: unknown;
}

/** Settings of the extension itself, which the server doesn't know. */
const OWN = /^(server|trace)\./;

/** Keep the keys that somebody set, each with its effective value. */
export function setValues(
  keys: readonly string[],
  inspect: (key: string) => Inspected | undefined,
  get: (key: string) => unknown,
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const key of keys) {
    const inspected = OWN.test(key) ? undefined : inspect(key);
    if (inspected !== undefined && isSet(inspected)) {
      found[key] = get(key);
    }
  }
  return found;
}

function isSet(inspected: Inspected): boolean {
  return [
    inspected.globalValue,
    inspected.workspaceValue,
    inspected.workspaceFolderValue,
    inspected.globalLanguageValue,
    inspected.workspaceLanguageValue,
    inspected.workspaceFolderLanguageValue,
  ].some((value) => value !== undefined);
}
