import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RoomSummary } from "../src/core/model.ts";
import type { ChatApi } from "../src/net/api.ts";
import { ApiError } from "../src/net/requests.ts";
import { announcements, toast, toasts } from "../src/state/feedback.ts";
import { Heartbeat } from "../src/state/heartbeat.ts";
import { ReadingPosition } from "../src/state/reading.ts";
import { RoomsStore } from "../src/state/rooms.ts";
import type { Services } from "../src/state/services.ts";
import { message, TOKYO } from "./messages.ts";

beforeEach(() => {
  vi.useFakeTimers();
  announcements.value = [];
});
afterEach(() => void vi.useRealTimers());

describe("the reading position", () => {
  it("counts what arrives while older messages are read", () => {
    const position = new ReadingPosition();
    position.arrived(40);
    position.seen();
    expect(position.missed.value).toBe(0);
    position.follows.value = false;
    position.arrived(2);
    expect(position.missed.value).toBe(2);
    position.follows.value = true;
    position.seen();
    position.follows.value = false;
    expect(position.missed.value).toBe(0);
  });
});

describe("the list of rooms", () => {
  const summary = (room: string, unread = 0): RoomSummary => ({ room, name: room.toUpperCase(), unread, cursor: "" });
  const read = vi.fn(async () => ({ unread: 0 }));
  let opened: string | undefined;

  async function list(...rooms: RoomSummary[]): Promise<RoomsStore> {
    const api = { rooms: async () => rooms, read } as unknown as ChatApi;
    const store = new RoomsStore({ api, me: "me", opened: () => opened, onLoaded: () => undefined });
    await store.refresh();
    return store;
  }

  beforeEach(() => {
    opened = undefined;
    read.mockClear();
  });

  it("has the room with the newest message first", async () => {
    const store = await list(summary("a"), summary("b"));
    store.received(message(TOKYO, 1, 1_000, { room: "b" }));
    expect(store.sorted.value.map(({ room }) => room)).toEqual(["b", "a"]);
  });

  it("counts and announces messages of others in rooms that are not open", async () => {
    opened = "a";
    const store = await list(summary("a", 3), summary("b", 1));
    for (const room of ["a", "b"]) store.received(message(TOKYO, 1, 1_000, { room, author: "other" }));
    store.received(message(TOKYO, 2, 2_000, { room: "b", author: "me" }));
    expect(store.find("a")?.unread).toBe(0);
    expect(store.find("b")?.unread).toBe(2);
    expect(announcements.value.map(({ text }) => text)).toEqual(["B: 2 unread"]);
  });

  it("is read once more for all rooms that are followed within a second", async () => {
    const rooms = vi.fn(async () => [summary("a"), summary("b")]);
    const api = { rooms, read } as unknown as ChatApi;
    const store = new RoomsStore({ api, me: "me", opened: () => opened, onLoaded: () => undefined });
    await store.refresh();
    rooms.mockResolvedValue([summary("a", 1), summary("b", 2)]);
    for (let asked = 0; asked < 5; asked += 1) store.refreshSoon();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(rooms).toHaveBeenCalledTimes(2);
    expect(store.find("b")?.unread).toBe(2);
    store.refreshSoon();
    store.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rooms).toHaveBeenCalledTimes(2);
  });

  it("keeps what was counted while it was read, unless the room was read meanwhile", async () => {
    let answer: (rooms: RoomSummary[]) => void = () => undefined;
    const rooms = vi.fn(async () => [summary("a"), summary("b")]);
    const api = { rooms, read } as unknown as ChatApi;
    const store = new RoomsStore({ api, me: "me", opened: () => opened, onLoaded: () => undefined });
    await store.refresh();
    rooms.mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    const refreshed = store.refresh();
    for (const room of ["a", "b"]) store.received(message(TOKYO, 1, 1_000, { room, author: "other" }));
    store.markRead("b", "");
    answer([summary("a"), summary("b")]);
    await refreshed;
    expect(["a", "b"].map((room) => store.find(room)?.unread)).toEqual([1, 0]);
  });

  it("reports a room as read once, a little later", async () => {
    const store = await list(summary("a", 3));
    store.markRead("a", "tokyo:1");
    store.markRead("a", "tokyo:2");
    expect(store.find("a")?.unread).toBe(0);
    await vi.advanceTimersByTimeAsync(1_000);
    store.markRead("a", "tokyo:2");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(read.mock.calls).toEqual([["a", "tokyo:2"]]);
  });
});

describe("the heartbeat of an open room", () => {
  const gone = vi.fn();

  async function beat(error: Error): Promise<void> {
    vi.stubGlobal("document", { visibilityState: "visible" });
    const presence = vi.fn(() => Promise.reject(error));
    const services = {
      api: { presence, absent: async () => undefined },
      heartbeat: () => 60_000,
    } as unknown as Services;
    const heartbeat = new Heartbeat({ services, room: "r1", onPresence: () => undefined, onGone: gone });
    await heartbeat.beat();
    heartbeat.close();
    vi.unstubAllGlobals();
  }

  it.each([
    [true, [[false], [true], [false]]],
    [false, [[false]]],
  ])("tells that the user types only where the chat tells it: %s", async (typing, expected) => {
    vi.stubGlobal("document", { visibilityState: "visible" });
    const presence = vi.fn(async () => ({ online: [], typing: [], channel: "c" }));
    const services = {
      api: { presence, absent: async () => undefined },
      heartbeat: () => 60_000,
      compareChannel: () => undefined,
      typing,
    } as unknown as Services;
    const heartbeat = new Heartbeat({ services, room: "r1", onPresence: () => undefined, onGone: gone });
    await heartbeat.beat();
    heartbeat.typing.key();
    heartbeat.typing.stop();
    heartbeat.close();
    expect(presence.mock.calls.map((call: unknown[]) => call.slice(1))).toEqual(expected);
    vi.unstubAllGlobals();
  });

  beforeEach(() => void gone.mockClear());

  it("notices that the user is not a member any more", async () => {
    await beat(new ApiError(404, "there is no such room"));
    expect(gone).toHaveBeenCalledOnce();
  });

  it("goes on when the API has a problem", async () => {
    await beat(new ApiError(503, "later"));
    await beat(new ApiError(429, "too many", 5));
    expect(gone).not.toHaveBeenCalled();
  });
});

describe("toasts", () => {
  it("disappear, each after its own time", () => {
    toast("one");
    vi.advanceTimersByTime(3_000);
    toast("two", "error");
    expect(toasts.value.map(({ text, kind }) => [text, kind])).toEqual([
      ["one", "info"],
      ["two", "error"],
    ]);
    vi.advanceTimersByTime(3_000);
    expect(toasts.value.map(({ text }) => text)).toEqual(["two"]);
    vi.advanceTimersByTime(3_000);
    expect(toasts.value).toEqual([]);
  });
});
