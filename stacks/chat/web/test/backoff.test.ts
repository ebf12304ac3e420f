import { describe, expect, it } from "vitest";
import { delayAfter, sleep } from "../src/core/backoff.ts";

describe("waiting between tries", () => {
  const last = (): number => 0.999999;

  it("doubles its bound up to the cap", () => {
    const bounds = [1, 2, 3, 4, 5, 6, 2000].map((failures) =>
      delayAfter(failures, { base: 1000, cap: 30_000, random: last }),
    );
    expect(bounds).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it("is anything from nothing to the bound, so that clients spread out", () => {
    expect(delayAfter(4, { base: 1000, cap: 30_000, random: () => 0 })).toBe(0);
    expect(delayAfter(4, { base: 1000, cap: 30_000, random: () => 0.5 })).toBe(4000);
  });

  it("ends early when it is told to", async () => {
    const stop = new AbortController();
    const waiting = sleep(60_000, stop.signal);
    stop.abort();
    await waiting;
    await sleep(60_000, stop.signal);
  });
});
