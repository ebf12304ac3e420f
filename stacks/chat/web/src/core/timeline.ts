/** The messages of a room as they are shown: each once, in the one order that all readers share. */

import type { Message } from "./model.ts";

/** Compare by clock, then Region, then number in the Region's log. */
export function compareMessages(one: Message, other: Message): number {
  if (one.clock !== other.clock) return one.clock - other.clock;
  if (one.region !== other.region) return one.region < other.region ? -1 : 1;
  return one.sequence - other.sequence;
}

export class Timeline {
  #ordered: Message[] = [];
  readonly #byId = new Map<string, Message>();

  get messages(): readonly Message[] {
    return this.#ordered;
  }

  get size(): number {
    return this.#ordered.length;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /**
   * Put messages in their places. Of a message that two Regions accepted, the one that sorts first stays.
   *
   * @returns whether anything changed
   */
  add(messages: Iterable<Message>): boolean {
    let changed = false;
    for (const message of messages) {
      const known = this.#byId.get(message.id);
      if (known !== undefined) {
        if (compareMessages(known, message) <= 0) continue;
        this.#ordered.splice(this.#ordered.indexOf(known), 1);
      }
      this.#byId.set(message.id, message);
      this.#ordered.splice(this.#placeFor(message), 0, message);
      changed = true;
    }
    return changed;
  }

  /** Most messages are the newest, so the search starts at the end. */
  #placeFor(message: Message): number {
    let place = this.#ordered.length;
    while (place > 0) {
      const before = this.#ordered[place - 1];
      if (before === undefined || compareMessages(before, message) < 0) break;
      place -= 1;
    }
    return place;
  }
}
