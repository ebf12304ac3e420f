/**
 * One open room: its messages, where the reader stands, what is missing, who is there.
 *
 * Durable history is the truth and the live channel only its tail: whatever arrives out of turn makes this read from its
 * own cursor, until the cursor covers everything that it has heard of.
 */

import { delayAfter, type Sleep, sleep } from "./backoff.ts";
import { type Cursor, covers, formatCursor, furthest, parseCursor, placeOf } from "./cursor.ts";
import type { LiveEvent, Member, Message, OlderPage, Page, Presence, Room } from "./model.ts";
import { Timeline } from "./timeline.ts";

export interface History {
  after(cursor: string): Promise<Page>;
  before(place: string): Promise<OlderPage>;
}

export interface ConversationOptions {
  room: Room;
  history: History;
  /** The messages, or who is there, have changed. */
  onChange: (what: "messages" | "people" | "attachment", id?: string) => void;
  pause?: Sleep;
  random?: () => number;
}

const REREAD = { base: 500, cap: 15_000 };
/** Who types on says so every few seconds, who stops says that too; this is for a browser that died meanwhile. */
const TYPING_LASTS = 6_000;

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #timeline = new Timeline();
  #room: Room;
  #cursor: Cursor = {};
  /** The furthest place that was heard of. */
  #heard: Cursor = {};
  #before = "";
  #hasOlder = false;
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #closed = new AbortController();
  readonly #typing = new Map<string, ReturnType<typeof setTimeout>>();

  private constructor(options: ConversationOptions) {
    this.#options = options;
    this.#room = options.room;
    for (const { user, typing } of options.room.members) this.#setTyping(user, typing);
  }

  /** Read the newest messages. */
  static async open(options: ConversationOptions): Promise<Conversation> {
    const conversation = new Conversation(options);
    const page = await options.history.before("latest");
    conversation.#cursor = parseCursor(page.cursor);
    conversation.#take(page);
    conversation.hear(options.room.cursor);
    return conversation;
  }

  get id(): string {
    return this.#room.room;
  }

  get room(): Room {
    return this.#room;
  }

  get messages(): readonly Message[] {
    return this.#timeline.messages;
  }

  get hasOlder(): boolean {
    return this.#hasOlder;
  }

  /** Where this reader stands, for read markers. */
  get cursor(): string {
    return formatCursor(this.#cursor);
  }

  get typing(): string[] {
    return [...this.#typing.keys()];
  }

  member(user: string): Member | undefined {
    return this.#room.members.find((one) => one.user === user);
  }

  /** Read the messages before the oldest one that is shown. */
  async older(): Promise<void> {
    if (!this.#hasOlder) return;
    const page = await this.#options.history.before(this.#before);
    this.#take(page);
    this.#options.onChange("messages");
  }

  /** An event of the live channel. */
  receive(event: LiveEvent): void {
    switch (event.kind) {
      case "message":
        this.receiveMessage(event.message);
        break;
      case "presence":
        this.#setOnline(event.user, event.online);
        break;
      case "typing":
        this.#setTyping(event.user, event.typing);
        this.#options.onChange("people");
        break;
      case "attachment":
        this.#options.onChange("attachment", event.id);
        break;
      case "members":
        break;
    }
  }

  /** A message from the live channel, or the answer to a message of one's own. */
  receiveMessage(message: Message): void {
    const place = placeOf(message, this.#cursor);
    if (place === "next") this.#cursor = furthest(this.#cursor, { [message.region]: message.sequence });
    this.#heard = furthest(this.#heard, { [message.region]: message.sequence });
    // Somebody who has sent something is not typing any more.
    this.#setTyping(message.author, false);
    if (this.#timeline.add([message])) this.#options.onChange("messages");
    if (place === "gap") void this.catchUp();
  }

  /** A place that the room has reached, as a heartbeat tells. */
  hear(cursor: string): void {
    this.#heard = furthest(this.#heard, parseCursor(cursor));
    if (!covers(this.#cursor, this.#heard)) void this.catchUp();
  }

  /** What the room looks like now. */
  update(room: Room): void {
    this.#room = room;
    for (const { user, typing } of room.members) this.#setTyping(user, typing);
    this.#options.onChange("people");
    this.hear(room.cursor);
  }

  /** What a heartbeat's answer says. */
  present({ online, typing, cursor }: Presence): void {
    const there = new Set(online);
    this.#room = {
      ...this.#room,
      members: this.#room.members.map((member) => ({ ...member, online: there.has(member.user) })),
    };
    for (const { user } of this.#room.members) this.#setTyping(user, typing.includes(user));
    this.#options.onChange("people");
    this.hear(cursor);
  }

  /**
   * Read on from the cursor until everything that was heard of is here.
   *
   * A message may be announced before it can be read: another Region's log arrives in no particular order. So it is
   * read again, after a pause that grows.
   */
  catchUp(): Promise<void> {
    this.#readAgain = true;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  close(): void {
    this.#closed.abort();
    for (const timer of this.#typing.values()) clearTimeout(timer);
    this.#typing.clear();
  }

  async #read(): Promise<void> {
    const { history, pause = sleep, random = Math.random } = this.#options;
    let failures = 0;
    while (!this.#closed.signal.aborted && (this.#readAgain || !covers(this.#cursor, this.#heard))) {
      this.#readAgain = false;
      const from = this.#cursor;
      try {
        for (let more = true; more && !this.#closed.signal.aborted; ) {
          const page = await history.after(formatCursor(this.#cursor));
          more = page.more;
          this.#cursor = furthest(this.#cursor, parseCursor(page.cursor));
          if (this.#timeline.add(page.messages)) this.#options.onChange("messages");
        }
      } catch {
        this.#readAgain = true;
      }
      if (!this.#readAgain && covers(this.#cursor, this.#heard)) return;
      failures = covers(from, this.#cursor) ? failures + 1 : 1;
      await pause(delayAfter(failures, { ...REREAD, random }), this.#closed.signal);
    }
  }

  #take(page: OlderPage): void {
    this.#timeline.add(page.messages);
    this.#before = page.before;
    this.#hasOlder = page.more;
  }

  #setOnline(user: string, online: boolean): void {
    this.#room = {
      ...this.#room,
      members: this.#room.members.map((member) => (member.user === user ? { ...member, online } : member)),
    };
    if (!online) this.#setTyping(user, false);
    this.#options.onChange("people");
  }

  #setTyping(user: string, typing: boolean): void {
    clearTimeout(this.#typing.get(user));
    this.#typing.delete(user);
    if (!typing || this.#closed.signal.aborted) return;
    const timer = setTimeout(() => {
      this.#typing.delete(user);
      this.#options.onChange("people");
    }, TYPING_LASTS);
    this.#typing.set(user, timer);
  }
}
