/** The version rule between extension and server. Starts nothing. */

export type Agreement = "fits" | "serverOlder" | "serverNewer";

/** Compare as far as compatibility goes: the major number, and below 1.0 the minor one too. What can't be read fits. */
export function agreement(extension: string, server: string): Agreement {
  const own = numbers(extension);
  const other = numbers(server);
  if (own === undefined || other === undefined) {
    return "fits";
  }
  const places = own[0] === 0 && other[0] === 0 ? 2 : 1;
  for (let place = 0; place < places; place++) {
    const difference = (other[place] ?? 0) - (own[place] ?? 0);
    if (difference !== 0) {
      return difference < 0 ? "serverOlder" : "serverNewer";
    }
  }
  return "fits";
}

/** Say what does not fit, and what to do; undefined if it fits. */
export function disagreement(extension: string, server: string): string | undefined {
  switch (agreement(extension, server)) {
    case "fits":
      return undefined;
    case "serverOlder":
      return `llm4cov-lsp ${server} is too old for this extension (${extension}). Update it (pip install --upgrade llm4cov-lsp), or install the private server.`;
    case "serverNewer":
      return `llm4cov-lsp ${server} is newer than this extension (${extension}) knows. Update the extension, or install the private server.`;
  }
}

function numbers(version: string): number[] | undefined {
  const match = /^(\d+)\.(\d+)/.exec(version);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}
