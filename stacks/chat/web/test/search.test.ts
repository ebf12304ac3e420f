import { beforeEach, describe, expect, it, vi } from "vitest";
import { excerpt } from "../src/core/found.ts";
import type { ChatApi } from "../src/net/api.ts";
import { ApiError } from "../src/net/requests.ts";
import { SearchStore, wantedOf } from "../src/state/search.ts";
import type { Services } from "../src/state/services.ts";
import { message, TOKYO } from "./messages.ts";

/** The text with each mark in brackets. */
const marked = (text: string, words: string): string =>
  excerpt(text, words)
    .map(({ text: piece, marked: is }) => (is ? `[${piece}]` : piece))
    .join("");

describe("the part of a text that is shown", () => {
  it.each([
    ["Shinkansen at NINE", "nine shinkansen", "[Shinkansen] at [NINE]"],
    ["新幹線は９時", "9時", "新幹線は[９時]"],
    ["シンカンセン", "シンカン", "[シンカン]セン"],
    ["banana", "ana nan", "b[ana]na"],
    ["nothing", "", "nothing"],
    // Its folded form has another length, so no place is certain.
    ["ｶﾞ ok", "ok", "ｶﾞ ok"],
  ])("of %s for %s", (text, words, expected) => {
    expect(marked(text, words)).toBe(expected);
  });

  it("is around the first word", () => {
    const text = `${"x ".repeat(200)}needle${" y".repeat(200)}`;
    const found = marked(text, "needle");
    expect(found).toContain("[needle]");
    expect(found.startsWith("…x") || found.startsWith("… x")).toBe(true);
    expect(found.length).toBeLessThan(250);
  });
});

describe("a search", () => {
  const get = vi.fn();
  const room = vi.fn(async () => ({ members: [{ user: "hanako", name: "Hanako" }] }));
  let store: SearchStore;

  beforeEach(() => {
    vi.resetAllMocks();
    room.mockResolvedValue({ members: [{ user: "hanako", name: "Hanako" }] });
    store = new SearchStore({
      api: { call: (_: string, ...rest: unknown[]) => get(...rest), room } as unknown as ChatApi,
    } as unknown as Services);
  });

  it("goes on through pages and rooms until there is enough", async () => {
    get.mockResolvedValueOnce({ messages: [message(TOKYO, 1, 1)], after: "place" });
    get.mockResolvedValueOnce({ messages: [], after: null });
    get.mockResolvedValueOnce({ messages: [message(TOKYO, 2, 2)], after: null });
    store.change({ text: " tea " });
    await store.search(["r1", "r2"]);
    expect(get.mock.calls.map(([path, { query }]) => [path, query.text, query.after])).toEqual([
      ["/rooms/r1/search", "tea", undefined],
      ["/rooms/r1/search", "tea", "place"],
      ["/rooms/r2/search", "tea", undefined],
    ]);
    expect(store.results.value.map(({ room: id }) => id)).toEqual(["r1", "r2"]);
    expect([store.more.value, store.searching.value]).toEqual([false, false]);
    expect(store.nameOf("r1", "hanako")).toBe("Hanako");
  });

  it("asks so often at a time, and then waits for the reader", async () => {
    get.mockResolvedValue({ messages: [], after: "older" });
    await store.search(["r1"]);
    expect(get).toHaveBeenCalledTimes(5);
    expect(store.more.value).toBe(true);
    await store.goOn();
    expect(get).toHaveBeenCalledTimes(10);
  });

  it("says why it stopped, and goes on from there", async () => {
    get.mockRejectedValueOnce(new ApiError(429, "too much", 30));
    await store.search(["r1"]);
    expect(store.problem.value).toContain("30");
    expect(store.more.value).toBe(true);
    get.mockResolvedValueOnce({ messages: [message(TOKYO, 1, 1)], after: null });
    await store.goOn();
    expect([store.problem.value, store.results.value.length, store.more.value]).toEqual(["", 1, false]);
  });

  it("ignores the answer to a search before", async () => {
    let answer: (page: unknown) => void = () => undefined;
    get.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    const first = store.search(["r1"]);
    get.mockResolvedValueOnce({ attachments: [], after: null });
    await store.show("attachments", ["r1"]);
    answer({ messages: [message(TOKYO, 1, 1)], after: null });
    await first;
    expect(store.results.value).toEqual([]);
  });

  it("asks for whole days of the reader", () => {
    const { from, to } = wantedOf({ text: "", author: "", from: "2026-11-29", to: "2026-11-29", type: "" });
    expect(new Date(from ?? "").getDate()).toBe(29);
    expect(Date.parse(to ?? "") - Date.parse(from ?? "")).toBe(24 * 3600_000 - 1);
  });

  it("finds the message that a file came with", async () => {
    const file = { id: "u-1", name: "cat.jpg", content_type: "image/jpeg", size: 1, owner: "hanako", thumbnail: false };
    get.mockResolvedValueOnce({ messages: [message(TOKYO, 3, 3)], after: "place" });
    get.mockResolvedValueOnce({ messages: [message(TOKYO, 2, 2, { attachments: ["u-1"] })], after: null });
    const found = await store.messageOf("r1", { ...file, uploaded_at: "2026-11-29T00:00:00Z" });
    expect(found).toBe(`${TOKYO}-2`);
    expect(get.mock.calls[0]?.[1].query).toMatchObject({ author: "hanako", from: "2026-11-28T23:59:00.000Z" });
  });
});
