/** Waiting between tries: full jitter, so that many clients that lost one server do not come back at one moment. */

export interface BackoffOptions {
  /** Longest wait before the second try, in milliseconds. */
  base: number;
  /** Longest wait of all, in milliseconds. */
  cap: number;
  /** Between 0 (included) and 1. */
  random?: () => number;
}

/**
 * Return how long to wait after a number of failures: anything between nothing and twice the bound of the try before.
 *
 * @param failures how many tries have failed, from 1
 */
export function delayAfter(failures: number, { base, cap, random = Math.random }: BackoffOptions): number {
  // 2 ** 1024 is Infinity, and the cap is less than that.
  const bound = Math.min(cap, base * 2 ** (Math.max(1, failures) - 1));
  return Math.round(random() * bound);
}

export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/** Wait; ends early, and without an error, when the signal is aborted. */
export const sleep: Sleep = (milliseconds, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
