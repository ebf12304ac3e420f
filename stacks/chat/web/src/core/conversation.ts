/**
 * One open room: its messages, where the reader stands, what is missing, who is there.
 *
 * Durable history is the truth and the live channel only its tail: whatever arrives out of turn makes this read from its
 * own cursor, until the cursor covers everything that it has heard of.
 */

import { delayAfter, type Sleep, sleep } from "./backoff.ts";
import { type Cursor, changesOf, covers, formatCursor, furthest, parseCursor, placeOf } from "./cursor.ts";
import { Excursion, type Window } from "./excursion.ts";
import type { Change, LiveEvent, Member, Message, OlderPage, Page, Presence, Room } from "./model.ts";
import { People } from "./people.ts";
import { Quotes } from "./quotes.ts";
import { Timeline } from "./timeline.ts";

export interface History {
  after(cursor: string): Promise<Page>;
  before(place: string): Promise<OlderPage>;
  around(message: string): Promise<OlderPage>;
  one(message: string): Promise<Message>;
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

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #timeline = new Timeline();
  #cursor: Cursor = {};
  /** The furthest place that was heard of. */
  #heard: Cursor = {};
  #window: Window = { before: "", hasOlder: false };
  readonly #excursion: Excursion;
  readonly #quotes: Quotes;
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #closed = new AbortController();
  readonly #people: People;

  private constructor(options: ConversationOptions) {
    const { history, onChange, room } = options;
    this.#options = options;
    this.#people = new People(room, () => onChange("people"));
    this.#excursion = new Excursion(this.#timeline, history);
    this.#quotes = new Quotes(this.#timeline, history, () => onChange("messages"));
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
    return this.#people.room.room;
  }

  get room(): Room {
    return this.#people.room;
  }

  get messages(): readonly Message[] {
    return this.#timeline.messages;
  }

  get hasOlder(): boolean {
    return this.#window.hasOlder;
  }

  /** Id of the last message before a part of the history that has not been read. */
  get gap(): string | undefined {
    return this.#excursion.gap;
  }

  /** The message that another one answers; undefined while it is not known. */
  quoted(id: string): Message | undefined {
    return this.#quotes.of(id);
  }

  /** Where this reader stands, for read markers. */
  get cursor(): string {
    return formatCursor(this.#cursor);
  }

  get typing(): string[] {
    return this.#people.typing;
  }

  member(user: string): Member | undefined {
    return this.#people.member(user);
  }

  /** Read the messages before the oldest one that is shown. */
  async older(): Promise<void> {
    if (!this.#window.hasOlder) return;
    const page = await this.#options.history.before(this.#window.before);
    this.#take(page);
    this.#options.onChange("messages");
  }

  /** Have a message here, with what is around it; what is between it and the newest messages may be left out. */
  async goTo(message: string): Promise<void> {
    if (this.#timeline.has(message)) return;
    const { page, window } = await this.#excursion.start(message, this.#window);
    this.#quotes.add(page.answered);
    this.#window = window;
    this.#options.onChange("messages");
  }

  /** Read on in the part of the history that was left out. */
  async fillGap(): Promise<void> {
    this.#quotes.add(await this.#excursion.fill(this.#cursor));
    this.#options.onChange("messages");
  }

  /** An event of the live channel. */
  receive(event: LiveEvent): void {
    switch (event.kind) {
      case "message":
        this.receiveMessage(event.message);
        break;
      case "change":
        this.#receiveChange(event.change);
        break;
      case "presence":
        this.#people.setOnline(event.user, event.online);
        this.#options.onChange("people");
        break;
      case "typing":
        this.#people.setTyping(event.user, event.typing);
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
    this.#people.setTyping(message.author, false);
    if (this.#timeline.add([message])) this.#options.onChange("messages");
    if (place === "gap") void this.catchUp();
  }

  /** A message of this room as it is after a change that this user made. */
  receiveState(message: Message): void {
    if (this.#timeline.has(message.id) && this.#timeline.add([message])) this.#options.onChange("messages");
  }

  #receiveChange(change: Change): void {
    const entry = { region: changesOf(change.region), sequence: change.sequence };
    const place = placeOf(entry, this.#cursor);
    if (place === "next") this.#cursor = furthest(this.#cursor, { [entry.region]: entry.sequence });
    this.#heard = furthest(this.#heard, { [entry.region]: entry.sequence });
    if (this.#changed([change])) this.#options.onChange("messages");
    if (place === "gap") void this.catchUp();
  }

  #changed(changes: Iterable<Change> = []): boolean {
    return [this.#quotes.change(changes), this.#timeline.change(changes)].includes(true);
  }

  /** A place that the room has reached, as a heartbeat tells. */
  hear(cursor: string): void {
    this.#heard = furthest(this.#heard, parseCursor(cursor));
    if (!covers(this.#cursor, this.#heard)) void this.catchUp();
  }

  /** What the room looks like now. */
  update(room: Room): void {
    this.#people.update(room);
    this.#options.onChange("people");
    this.hear(room.cursor);
  }

  /** What a heartbeat's answer says. */
  present(presence: Presence): void {
    this.#people.present(presence);
    this.#options.onChange("people");
    this.hear(presence.cursor);
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
    this.#people.close();
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
          this.#quotes.add(page.answered);
          const added = this.#timeline.add(page.messages);
          if (this.#changed(page.changes) || added) this.#options.onChange("messages");
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
    this.#quotes.add(page.answered);
    this.#window = { before: page.before, hasOlder: page.more };
  }
}
