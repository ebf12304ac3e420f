import { describe, expect, it } from "vitest";
import type { Message } from "../src/core/model.ts";
import { Outbox, type OutboxOptions, type OutgoingMessage, SendFailed } from "../src/core/outbox.ts";
import { message, settle, TOKYO } from "./messages.ts";
import { queueOptions } from "./queues.ts";
import { MapStore } from "./stores.ts";

function outbox(store: MapStore, send: OutboxOptions["send"], more: Partial<OutboxOptions> = {}): Outbox {
  return new Outbox({ ...queueOptions(store, send), ...more });
}

const stored = (one: OutgoingMessage): Message =>
  message(TOKYO, 1, 1, { client_message_id: one.client_message_id, text: one.text });

describe("outbox", () => {
  it("sends in the order in which it was written", async () => {
    const sent: string[] = [];
    const box = outbox(new MapStore(), async (one) => {
      sent.push(one.text);
      return stored(one);
    });
    for (const text of ["one", "two", "three"]) box.add("r1", text);
    await settle();
    expect(sent).toEqual(["one", "two", "three"]);
    expect(box.size).toBe(0);
  });

  it("keeps the id over all tries, so that a message is stored once", async () => {
    const tries: string[] = [];
    const box = outbox(new MapStore(), async (one) => {
      tries.push(one.client_message_id);
      if (tries.length < 4) throw tries.length === 2 ? new Error("no network") : new SendFailed("503", true);
      return stored(one);
    });
    box.add("r1", "hello");
    await settle();
    expect(tries).toEqual(["id-1", "id-1", "id-1", "id-1"]);
    expect(box.size).toBe(0);
  });

  it("survives a reload", async () => {
    const store = new MapStore();
    const first = outbox(store, () => new Promise(() => undefined));
    first.add("r1", "written in a tunnel", ["a1"]);
    first.stop();
    const sent: OutgoingMessage[] = [];
    const second = outbox(store, async (one) => {
      sent.push(one);
      return stored(one);
    });
    expect(second.of("r1")).toHaveLength(1);
    await second.flush();
    expect(sent).toMatchObject([{ client_message_id: "id-1", text: "written in a tunnel", attachments: ["a1"] }]);
    expect(store.length).toBe(0);
  });

  it("is each user's own", () => {
    const store = new MapStore();
    outbox(store, () => new Promise(() => undefined)).add("r1", "mine");
    expect(outbox(store, () => new Promise(() => undefined), { user: "liam" }).size).toBe(0);
  });

  it("sets a refused message aside and goes on with the next", async () => {
    let refuse = true;
    const sent: string[] = [];
    const box = outbox(new MapStore(), async (one) => {
      if (one.text === "bad" && refuse) throw new SendFailed("too long", false);
      sent.push(one.text);
      return stored(one);
    });
    box.add("r1", "bad");
    box.add("r1", "good");
    await settle();
    expect(sent).toEqual(["good"]);
    expect(box.of("r1")).toMatchObject([{ text: "bad", refused: "too long" }]);
    refuse = false;
    box.retry("id-1");
    await settle();
    expect(sent).toEqual(["good", "bad"]);
    expect(box.size).toBe(0);
  });

  it("waits as long as the back end asks, and says so, whatever is written meanwhile", async () => {
    const tries: string[] = [];
    const pauses: number[] = [];
    let over: () => void = () => undefined;
    const box = outbox(
      new MapStore(),
      async (one) => {
        tries.push(one.text);
        if (tries.length === 1) throw new SendFailed("too many", true, 20);
        return stored(one);
      },
      {
        pause: (milliseconds, signal) => {
          pauses.push(milliseconds);
          return new Promise((resolve) => {
            over = resolve;
            signal?.addEventListener("abort", () => resolve());
          });
        },
      },
    );
    box.add("r1", "one");
    await settle();
    expect(box.of("r1")).toMatchObject([{ text: "one", waits: 20 }]);
    box.add("r1", "two");
    await box.flush();
    await settle();
    expect(tries).toEqual(["one"]);
    over();
    await settle();
    expect(tries).toEqual(["one", "one", "two"]);
    expect(pauses).toEqual([20_000]);
    expect(box.size).toBe(0);
  });

  it("writes nothing any more once it is stopped", async () => {
    const store = new MapStore();
    let answer: (stored: Message) => void = () => undefined;
    const box = outbox(
      store,
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const one = box.add("r1", "on its way");
    box.add("r1", "next");
    box.stop();
    // The user signs out, which removes everything.
    store.removeItem("chat.outbox.hanako");
    answer(stored(one));
    await settle();
    expect(store.length).toBe(0);
  });

  it("does not send again what was seen in the room, or what was discarded", async () => {
    const tries: string[] = [];
    const box = outbox(
      new MapStore(),
      async (one) => {
        tries.push(one.text);
        throw new SendFailed("no answer", true);
      },
      { pause: () => new Promise((resolve) => setTimeout(resolve, 5)) },
    );
    box.add("r1", "stored, but the answer was lost");
    await settle();
    box.settle("id-1");
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(tries).toHaveLength(1);
    expect(box.size).toBe(0);
  });

  it("takes what it can read of a damaged store", () => {
    const store = new MapStore();
    store.setItem("chat.outbox.hanako", "{not json");
    expect(outbox(store, () => new Promise(() => undefined)).size).toBe(0);
    store.setItem("chat.outbox.hanako", '[{"text": 1}, null]');
    expect(outbox(store, () => new Promise(() => undefined)).size).toBe(0);
  });
});
