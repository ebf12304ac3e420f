import { describe, expect, it } from "vitest";
import { covers, formatCursor, furthest, parseCursor, placeOf } from "../src/core/cursor.ts";
import { Timeline } from "../src/core/timeline.ts";
import { message, OREGON, TOKYO } from "./messages.ts";

describe("cursor", () => {
  it("is read and written as the API does", () => {
    expect(parseCursor("ap-northeast-1:17,us-west-2:5")).toEqual({ [TOKYO]: 17, [OREGON]: 5 });
    expect(formatCursor({ [OREGON]: 5, [TOKYO]: 17 })).toBe("ap-northeast-1:17,us-west-2:5");
    expect(parseCursor("")).toEqual({});
    expect(parseCursor("nonsense,us-west-2:x")).toEqual({});
  });

  it("tells what follows, what was passed, and where something is missing", () => {
    const cursor = { [TOKYO]: 3 };
    expect(placeOf(message(TOKYO, 3, 1), cursor)).toBe("passed");
    expect(placeOf(message(TOKYO, 4, 1), cursor)).toBe("next");
    expect(placeOf(message(TOKYO, 5, 1), cursor)).toBe("gap");
    expect(placeOf(message(OREGON, 1, 1), cursor)).toBe("next");
    expect(placeOf(message(OREGON, 2, 1), cursor)).toBe("gap");
  });

  it("compares Region by Region", () => {
    expect(covers({ [TOKYO]: 3, [OREGON]: 1 }, { [TOKYO]: 3 })).toBe(true);
    expect(covers({ [TOKYO]: 9 }, { [OREGON]: 1 })).toBe(false);
    expect(furthest({ [TOKYO]: 3, [OREGON]: 4 }, { [TOKYO]: 5, [OREGON]: 1 })).toEqual({ [TOKYO]: 5, [OREGON]: 4 });
  });
});

describe("timeline", () => {
  const ordered = [
    message(TOKYO, 1, 100),
    message(OREGON, 1, 100),
    message(TOKYO, 2, 100),
    message(OREGON, 2, 150),
    message(TOKYO, 3, 160),
  ];

  it("has one order, in whichever order messages arrive", () => {
    // By clock; then Region, then number: Tokyo's second comes before Oregon's first of the same time.
    const expected = ["ap-northeast-1-1", "ap-northeast-1-2", "us-west-2-1", "us-west-2-2", "ap-northeast-1-3"];
    for (const seed of [1, 7, 23, 91]) {
      const shuffled = [...ordered].sort(
        (one, other) => ((one.clock * seed + one.sequence * 31) % 17) - ((other.clock * seed) % 13),
      );
      const timeline = new Timeline();
      for (const one of shuffled) timeline.add([one]);
      expect(timeline.messages.map(({ id }) => id)).toEqual(expected);
    }
  });

  it("keeps each message once", () => {
    const timeline = new Timeline();
    expect(timeline.add(ordered)).toBe(true);
    expect(timeline.add(ordered)).toBe(false);
    expect(timeline.size).toBe(5);
  });

  it("shows a message that two Regions accepted at its first place", () => {
    const later = message(OREGON, 3, 170, { id: "same" });
    const earlier = message(TOKYO, 4, 120, { id: "same" });
    for (const arrival of [
      [later, earlier],
      [earlier, later],
    ]) {
      const timeline = new Timeline();
      timeline.add(ordered);
      for (const one of arrival) timeline.add([one]);
      expect(timeline.size).toBe(6);
      expect(timeline.messages[3]).toBe(earlier);
    }
  });
});
