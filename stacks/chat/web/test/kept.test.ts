import { describe, expect, it, vi } from "vitest";
import { Conversation } from "../src/core/conversation.ts";
import { Kept } from "../src/core/kept.ts";
import type { Message, Room } from "../src/core/model.ts";
import { clear } from "../src/core/storage.ts";
import { message, OREGON, TOKYO } from "./messages.ts";
import { MapStore } from "./stores.ts";

const room = (id: string): Room => ({
  room: id,
  name: id.toUpperCase(),
  channel: "c",
  cursor: "",
  creator: false,
  members: [{ user: "ben", name: "Ben", online: true, typing: true }],
});

describe("what is kept for a page without a network", () => {
  it("is the newest messages, from which the history goes on in both directions", async () => {
    const kept = new Kept(new MapStore());
    const messages = Array.from({ length: 60 }, (_, index) => message(TOKYO, index + 1, index + 1));
    const beyond = message(OREGON, 9, 100);
    kept.keepRoom(room("r"), [...messages, beyond], `${TOKYO}:60,${OREGON}:7`, false);
    const found = kept.room("r");
    expect(found?.page.messages.map(({ sequence }) => sequence)).toEqual(
      messages.slice(10).map(({ sequence }) => sequence),
    );
    expect(found?.page).toMatchObject({
      cursor: `${TOKYO}:60,${OREGON}:7`,
      before: `${TOKYO}:11,${OREGON}:8`,
      more: true,
    });
    // Nobody is there as far as this page knows.
    expect(found?.room.members).toEqual([{ user: "ben", name: "Ben", online: false, typing: false }]);
    const after = vi.fn(async () => ({ messages: [] as Message[], cursor: `${TOKYO}:60,${OREGON}:7`, more: false }));
    const before = vi.fn(async () => found?.page as never);
    const conversation = await Conversation.open({
      room: found?.room as Room,
      history: { after, before, around: before, one: async () => message(TOKYO, 1, 1) },
      onChange: () => undefined,
    });
    await conversation.catchUp();
    expect(after).toHaveBeenCalledWith(`${TOKYO}:60,${OREGON}:7`);
    conversation.close();
  });

  it("is of the rooms that were opened last", () => {
    vi.useFakeTimers();
    const kept = new Kept(new MapStore());
    for (let number = 0; number < 25; number += 1) {
      vi.advanceTimersByTime(1);
      kept.keepRoom(room(`r${number}`), [], "", false);
    }
    const left = Array.from({ length: 25 }, (_, number) => kept.room(`r${number}`) !== undefined);
    expect(left.indexOf(true)).toBe(5);
    expect(left.filter(Boolean)).toHaveLength(20);
    vi.useRealTimers();
  });

  it("gives way when the store is full", () => {
    const store = new MapStore();
    store.setItem = () => {
      throw new Error("QuotaExceededError");
    };
    const kept = new Kept(store);
    kept.keepRooms([]);
    expect(kept.rooms()).toBeUndefined();
  });

  it("is gone after the sign-out", () => {
    const store = new MapStore();
    const kept = new Kept(store);
    kept.keepName("Hanako");
    kept.keepRooms([{ room: "r", name: "R", unread: 0, cursor: "" }]);
    kept.keepRoom(room("r"), [], "", false);
    clear(store);
    expect(store.keys()).toEqual([]);
  });
});
