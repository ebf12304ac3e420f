import { describe, expect, it } from "vitest";
import { ChangeQueue, type OutgoingChange } from "../src/core/change-queue.ts";
import { apply, merge, reactionsOf, withWaiting } from "../src/core/changes.ts";
import type { Change, Message } from "../src/core/model.ts";
import { SendFailed } from "../src/core/queue.ts";
import { Timeline } from "../src/core/timeline.ts";
import { change, message, OREGON, settle, TOKYO } from "./messages.ts";
import { queueOptions } from "./queues.ts";
import { MapStore } from "./stores.ts";

const posted = message(TOKYO, 1, 10);

function shuffled<One>(list: readonly One[], random: () => number): One[] {
  return list
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

/** A generator that gives the same numbers for the same seed. */
function numbers(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function some(random: () => number): Change[] {
  const sequences: Record<string, number> = { [TOKYO]: 0, [OREGON]: 0 };
  return Array.from({ length: 12 }, () => {
    const region = random() < 0.5 ? TOKYO : OREGON;
    const sequence = (sequences[region] ?? 0) + 1;
    sequences[region] = sequence;
    // Clocks grow inside a log, and those of two Regions may be equal.
    const clock = 20 + sequence;
    const kind = random() < 0.5 ? "edit" : random() < 0.9 ? "reaction" : "deletion";
    const author = random() < 0.5 ? "hanako" : "liam";
    return change(region, sequence, clock, { kind, author, text: `text ${region} ${sequence}`, emoji: "👍" });
  });
}

describe("changes of a message", () => {
  it("end with the same state in whatever order they arrive, and however often", () => {
    const states = new Set<string>();
    for (let seed = 0; seed < 200; seed += 1) {
      const random = numbers(seed);
      const changes = some(random);
      const expected = changes.reduce(apply, posted);
      for (let round = 0; round < 5; round += 1) {
        const heard = shuffled([...changes, ...changes.slice(0, 4)], random);
        expect(heard.reduce(apply, posted)).toEqual(expected);
        // What a page says in between is the state of a part of them.
        const page = shuffled(changes, random).slice(0, 6).reduce(apply, posted);
        const rest = shuffled(changes, random);
        const first = rest.splice(0, 5).reduce(apply, posted);
        expect(rest.reduce(apply, merge(first, page))).toEqual(expected);
        expect(rest.reduce(apply, merge(page, first))).toEqual(expected);
      }
      states.add(JSON.stringify(expected));
    }
    expect(states.size).toBeGreaterThan(100);
  });

  it("arrive before their message without being lost", () => {
    const timeline = new Timeline();
    expect(timeline.change([change(OREGON, 1, 20, { text: "edited" })])).toBe(false);
    timeline.add([posted]);
    expect(timeline.get(posted.id)?.text).toBe("edited");
    // The message once more, as it was posted, takes nothing back.
    expect(timeline.add([posted])).toBe(false);
    expect(timeline.messages.map(({ text }) => text)).toEqual(["edited"]);
  });

  it("leave a deleted message without text, whatever follows", () => {
    const gone = apply(posted, change(TOKYO, 1, 20, { kind: "deletion", author: "liam" }));
    expect([gone.text, gone.attachments, gone.deleted?.by]).toEqual(["", [], "liam"]);
    expect(apply(gone, change(OREGON, 1, 99, { text: "back" }))).toBe(gone);
    expect(apply(gone, change(OREGON, 2, 99, { kind: "reaction", emoji: "👍" }))).toBe(gone);
  });

  it("keep the earlier place of a message that two Regions accepted, and the changes of both", () => {
    const here = { ...posted, id: "m" };
    const there = { ...message(OREGON, 1, 9), id: "m" };
    const timeline = new Timeline();
    timeline.add([here]);
    timeline.change([change(TOKYO, 1, 20, { message: "m", text: "edited" })]);
    timeline.add([there]);
    expect(timeline.messages).toEqual([expect.objectContaining({ region: OREGON, text: "edited" })]);
  });

  it("count reactions by emoji, without those that were taken back", () => {
    const react = (author: string, emoji: string, clock: number): Change =>
      change(TOKYO, clock, clock, { kind: "reaction", author, emoji });
    const state = [react("hanako", "👍", 1), react("liam", "🎉", 2), react("emi", "👍", 3), react("liam", "", 4)];
    expect(reactionsOf(state.reduce(apply, posted))).toEqual([{ emoji: "👍", users: ["hanako", "emi"] }]);
  });
});

describe("changes that wait", () => {
  function queue(store: MapStore, send: (one: OutgoingChange) => Promise<Message>): ChangeQueue {
    return new ChangeQueue(queueOptions(store, send));
  }

  it("are shown at once, survive a reload, and are sent once each", async () => {
    const store = new MapStore();
    const first = queue(store, () => new Promise(() => undefined));
    first.add("r1", posted.id, "edit", { text: "written in a tunnel" });
    first.add("r1", posted.id, "reaction", { emoji: "👍" });
    const [shown] = withWaiting([posted], first.of("r1"), "hanako");
    expect([shown?.text, shown?.reactions?.["hanako"]?.[0]]).toEqual(["written in a tunnel", "👍"]);
    first.stop();
    const sent: string[] = [];
    const second = queue(store, async (one) => {
      sent.push(`${one.kind} ${one.client_change_id}`);
      return posted;
    });
    await second.flush();
    expect(sent).toEqual(["edit id-1", "reaction id-2"]);
    expect(store.keys()).toEqual([]);
  });

  it("are not shown when they were refused, and say why", async () => {
    const box = queue(new MapStore(), async () => {
      throw new SendFailed("the message was deleted", false);
    });
    box.add("r1", posted.id, "edit", { text: "too late" });
    await settle();
    const [shown] = withWaiting([posted], box.of("r1"), "hanako");
    expect([shown?.text, shown?.waiting?.refused]).toEqual([posted.text, "the message was deleted"]);
  });

  it("that were kept in a form of another time are left out", () => {
    const store = new MapStore();
    store.setItem("chat.changes.hanako", JSON.stringify([{ kind: "colour", room: "r1" }, null, 7]));
    expect(queue(store, async () => posted).size).toBe(0);
  });
});
