/** Decides whether and when a server that died is started again. Knows no clock and starts nothing. */

/** How many times in a row, and within which time, the server may die before it is left alone. */
export const MOST_DEATHS = 4;
export const WITHIN_MS = 180_000;

/** What to do after the server died at `now`: wait so long and start it again, or leave it. */
export type Next = { readonly kind: "again"; readonly waitMs: number } | { readonly kind: "leave" };

/** The deaths so far, newest last. */
export class Deaths {
  private times: number[] = [];

  /** Count one, and say what to do. */
  add(now: number): Next {
    this.times = [...this.times.filter((time) => now - time < WITHIN_MS), now];
    if (this.times.length > MOST_DEATHS) {
      return { kind: "leave" };
    }
    return { kind: "again", waitMs: 500 * 2 ** (this.times.length - 1) };
  }

  /** Forget them: a person started the server. */
  clear(): void {
    this.times = [];
  }
}
