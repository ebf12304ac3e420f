import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Conversation, type History } from "../src/core/conversation.ts";
import { type Cursor, formatCursor, parseCursor } from "../src/core/cursor.ts";
import type { Message } from "../src/core/model.ts";
import { compareMessages } from "../src/core/timeline.ts";
import { message, OREGON, room, settle, TOKYO } from "./messages.ts";

/** Durable history as the API shows it: after a cursor, without gaps, in pages. */
class Log implements History {
  messages: Message[] = [];
  reads: string[] = [];
  failing = 0;
  page = 100;

  after(text: string): ReturnType<History["after"]> {
    this.reads.push(text);
    if (this.failing > 0) {
      this.failing -= 1;
      return Promise.reject(new Error("503"));
    }
    const cursor: Record<string, number> = { ...parseCursor(text) };
    const readable: Message[] = [];
    for (const one of [...this.messages].sort((a, b) => a.sequence - b.sequence)) {
      if (one.sequence === (cursor[one.region] ?? 0) + 1) {
        readable.push(one);
        cursor[one.region] = one.sequence;
      }
    }
    readable.sort(compareMessages);
    const messages = readable.slice(0, this.page);
    const reached: Record<string, number> = { ...parseCursor(text) };
    for (const one of messages) reached[one.region] = one.sequence;
    return Promise.resolve({ messages, cursor: formatCursor(reached), more: readable.length > this.page });
  }

  async before(place: string): ReturnType<History["before"]> {
    const all = [...this.messages].sort(compareMessages);
    const end = place === "latest" ? all.length : Number(place);
    const start = Math.max(0, end - 3);
    const heads: Record<string, number> = {};
    for (const one of all) heads[one.region] = Math.max(heads[one.region] ?? 0, one.sequence);
    return {
      messages: all.slice(start, end),
      cursor: formatCursor(heads as Cursor),
      before: String(start),
      more: start > 0,
    };
  }
}

describe("conversation", () => {
  let log: Log;
  let changes: string[];
  const opened: Conversation[] = [];

  async function open(more: Parameters<typeof room>[0] = {}): Promise<Conversation> {
    const conversation = await Conversation.open({
      room: room(more),
      history: log,
      onChange: (what, id) => changes.push(id === undefined ? what : `${what} ${id}`),
      pause: async () => undefined,
      random: () => 0,
    });
    opened.push(conversation);
    await settle();
    return conversation;
  }

  const ids = (conversation: Conversation): string[] => conversation.messages.map(({ id }) => id);

  beforeEach(() => {
    vi.useFakeTimers();
    log = new Log();
    changes = [];
  });

  afterEach(() => {
    for (const one of opened.splice(0)) one.close();
    vi.useRealTimers();
  });

  it("begins with the newest messages and reads older ones when asked", async () => {
    log.messages = [1, 2, 3, 4, 5, 6, 7].map((number) => message(TOKYO, number, number));
    const conversation = await open();
    expect(ids(conversation)).toEqual(["ap-northeast-1-5", "ap-northeast-1-6", "ap-northeast-1-7"]);
    expect(conversation.hasOlder).toBe(true);
    await conversation.older();
    await conversation.older();
    expect(ids(conversation)).toHaveLength(7);
    expect(conversation.hasOlder).toBe(false);
    await conversation.older();
    expect(ids(conversation)).toHaveLength(7);
  });

  it("takes the next message from the live channel without reading", async () => {
    const conversation = await open();
    conversation.receive({ kind: "message", message: message(TOKYO, 1, 10) });
    conversation.receive({ kind: "message", message: message(OREGON, 1, 11) });
    conversation.receive({ kind: "message", message: message(TOKYO, 1, 10) });
    await settle();
    expect(ids(conversation)).toEqual(["ap-northeast-1-1", "us-west-2-1"]);
    expect(conversation.cursor).toBe("ap-northeast-1:1,us-west-2:1");
    expect(log.reads).toEqual([]);
  });

  it("reads what is missing before a message that is not the next", async () => {
    log.messages = [1, 2, 3].map((number) => message(TOKYO, number, number));
    const conversation = await open();
    for (const number of [4, 5, 6]) log.messages.push(message(TOKYO, number, number));
    conversation.receive({ kind: "message", message: message(TOKYO, 6, 6) });
    await settle();
    expect(ids(conversation).slice(-3)).toEqual(["ap-northeast-1-4", "ap-northeast-1-5", "ap-northeast-1-6"]);
    expect(new Set(ids(conversation)).size).toBe(conversation.messages.length);
    expect(log.reads).toEqual(["ap-northeast-1:3"]);
  });

  it("asks again while another Region's log has not arrived, and never moves past the gap", async () => {
    const conversation = await open();
    log.messages = [message(OREGON, 2, 20)];
    conversation.receive({ kind: "message", message: message(OREGON, 2, 20) });
    await settle();
    expect(conversation.cursor).toBe("");
    expect(log.reads.length).toBeGreaterThan(1);
    log.messages.push(message(OREGON, 1, 19));
    await settle();
    expect(conversation.cursor).toBe("us-west-2:2");
    expect(ids(conversation)).toEqual(["us-west-2-1", "us-west-2-2"]);
    const reads = log.reads.length;
    await settle();
    expect(log.reads).toHaveLength(reads);
  });

  it("goes on from the cursor over a number that readers are not shown", async () => {
    const conversation = await open();
    conversation.receive({ kind: "message", message: message(TOKYO, 3, 30) });
    // Number 2 is a message that Oregon accepted too, and first: the API leaves it out and counts on.
    log.after = () =>
      Promise.resolve({
        messages: [message(TOKYO, 1, 10), message(TOKYO, 3, 30)],
        cursor: "ap-northeast-1:3",
        more: false,
      });
    await settle();
    expect(conversation.cursor).toBe("ap-northeast-1:3");
    expect(ids(conversation)).toEqual(["ap-northeast-1-1", "ap-northeast-1-3"]);
  });

  it("reads all pages after a long absence, and again after a failure", async () => {
    const conversation = await open();
    log.messages = Array.from({ length: 25 }, (_, index) => message(TOKYO, index + 1, index));
    log.page = 10;
    log.failing = 2;
    await conversation.catchUp();
    expect(conversation.messages).toHaveLength(25);
    expect(log.reads).toHaveLength(5);
  });

  it("hears from a heartbeat that the room has gone on", async () => {
    const conversation = await open();
    log.messages = [message(TOKYO, 1, 10)];
    conversation.present({ channel: "/rooms/r1/g1", cursor: "ap-northeast-1:1", online: ["liam"], typing: [] });
    await settle();
    expect(ids(conversation)).toEqual(["ap-northeast-1-1"]);
    expect(conversation.member("liam")?.online).toBe(true);
    expect(conversation.member("hanako")?.online).toBe(false);
  });

  it("shows who types until they stop, send, or fall silent", async () => {
    const conversation = await open();
    conversation.receive({ kind: "typing", user: "hanako", typing: true });
    expect(conversation.typing).toEqual(["hanako"]);
    conversation.receive({ kind: "typing", user: "hanako", typing: false });
    expect(conversation.typing).toEqual([]);
    conversation.receive({ kind: "typing", user: "hanako", typing: true });
    conversation.receive({ kind: "message", message: message(TOKYO, 1, 10) });
    expect(conversation.typing).toEqual([]);
    conversation.receive({ kind: "typing", user: "liam", typing: true });
    vi.advanceTimersByTime(5_999);
    expect(conversation.typing).toEqual(["liam"]);
    vi.advanceTimersByTime(2);
    expect(conversation.typing).toEqual([]);
  });

  it("passes on that an attachment is ready", async () => {
    const conversation = await open();
    conversation.receive({ kind: "attachment", id: "a1", thumbnail: true });
    expect(changes).toContain("attachment a1");
  });
});
