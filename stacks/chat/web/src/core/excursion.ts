/**
 * A look at a part of the history that is far from the newest messages, as a link to a message asks for. What is between
 * is left out, and read when the reader comes to it.
 */

import { type Cursor, covers, formatCursor, furthest, messagesOnly, parseCursor } from "./cursor.ts";
import type { Message, OlderPage, Page } from "./model.ts";
import type { Timeline } from "./timeline.ts";

/** From where older messages are read, and whether there are any. */
export interface Window {
  before: string;
  hasOlder: boolean;
}

interface Source {
  after(cursor: string): Promise<Page>;
  around(message: string): Promise<OlderPage>;
}

interface Gap {
  /** The last message before it. */
  last: string;
  cursor: Cursor;
  /** The newest messages: where they begin, and from where what is before them is read. */
  newest: { first: Message; window: Window; cursor: Cursor };
}

export class Excursion {
  readonly #timeline: Timeline;
  readonly #history: Source;
  #gap: Gap | undefined;

  constructor(timeline: Timeline, history: Source) {
    this.#timeline = timeline;
    this.#history = history;
  }

  get gap(): string | undefined {
    return this.#gap?.last;
  }

  /**
   * Read what is around a message.
   *
   * @returns the page, and from where older messages are read now
   */
  async start(message: string, window: Window): Promise<{ page: OlderPage; window: Window }> {
    const page = await this.#history.around(message);
    // One gap at a time: what an earlier excursion has read is left again.
    const newest = this.#gap?.newest ?? this.#newest(window);
    if (this.#gap !== undefined && newest !== undefined) this.#timeline.dropBefore(newest.first);
    this.#timeline.add(page.messages);
    const cursor = messagesOnly(parseCursor(page.cursor));
    const last = page.messages.at(-1)?.id;
    const joined = newest === undefined || last === undefined || covers(cursor, newest.cursor);
    this.#gap = joined ? undefined : { last, cursor, newest };
    return { page, window: { before: page.before, hasOlder: page.more } };
  }

  /**
   * Read the next part of what was left out.
   *
   * @param reader where the reader stands: changes are not read twice
   */
  async fill(reader: Cursor): Promise<Iterable<Message>> {
    const gap = this.#gap;
    if (gap === undefined) return [];
    const page = await this.#history.after(formatCursor({ ...reader, ...gap.cursor }));
    if (gap !== this.#gap) return [];
    this.#timeline.add(page.messages);
    const cursor = furthest(gap.cursor, messagesOnly(parseCursor(page.cursor)));
    const last = page.messages.at(-1)?.id ?? gap.last;
    const joined = covers(cursor, gap.newest.cursor) || !page.more;
    this.#gap = joined ? undefined : { ...gap, last, cursor };
    return page.answered ?? [];
  }

  #newest(window: Window): Gap["newest"] | undefined {
    const first = this.#timeline.messages[0];
    // Of each log the number before the first one that is here.
    const before = messagesOnly(parseCursor(window.before));
    const cursor = Object.fromEntries(Object.entries(before).map(([log, number]) => [log, number - 1]));
    return first && { first, window, cursor };
  }
}
