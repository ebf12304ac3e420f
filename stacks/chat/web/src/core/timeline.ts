/** The messages of a room as they are shown: each once, in the one order that all readers share, in its newest state. */

import { apply, merge } from "./changes.ts";
import type { Change, Message } from "./model.ts";

type Placed = Pick<Message, "clock" | "region" | "sequence">;

/** Compare by clock, then Region, then number in the Region's log. */
export function compareMessages(one: Placed, other: Placed): number {
  if (one.clock !== other.clock) return one.clock - other.clock;
  if (one.region !== other.region) return one.region < other.region ? -1 : 1;
  return one.sequence - other.sequence;
}

/** So many changes of messages that are not here are kept, for those that are on their way. */
const MOST_EARLY = 500;

export class Timeline {
  #ordered: Message[] = [];
  readonly #byId = new Map<string, Message>();
  /** Changes that arrived before their messages. */
  #early: Change[] = [];

  get messages(): readonly Message[] {
    return this.#ordered;
  }

  get size(): number {
    return this.#ordered.length;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  get(id: string): Message | undefined {
    return this.#byId.get(id);
  }

  /**
   * Put messages in their places. Of a message that two Regions accepted, the place that sorts first stays.
   *
   * @returns whether anything changed
   */
  add(messages: Iterable<Message>): boolean {
    let changed = false;
    for (const message of messages) {
      const known = this.#byId.get(message.id);
      const first = known !== undefined && compareMessages(known, message) <= 0 ? known : message;
      let state = known === undefined ? message : merge(first, first === known ? message : known);
      for (const change of this.#early) if (change.message === message.id) state = apply(state, change);
      if (state === known) continue;
      this.#replace(known, state);
      changed = true;
    }
    this.#early = this.#early.filter(({ message }) => !this.#byId.has(message));
    return changed;
  }

  /** @returns whether a message that is here has changed */
  change(changes: Iterable<Change>): boolean {
    let changed = false;
    for (const change of changes) {
      const known = this.#byId.get(change.message);
      if (known === undefined) this.#early.push(change);
      const state = known && apply(known, change);
      if (state === undefined || state === known) continue;
      this.#replace(known, state);
      changed = true;
    }
    this.#early = this.#early.slice(-MOST_EARLY);
    return changed;
  }

  /** Forget the messages that sort before another one. */
  dropBefore(first: Message): void {
    for (const message of this.#ordered.splice(0, this.#placeFor(first))) this.#byId.delete(message.id);
  }

  #replace(known: Message | undefined, message: Message): void {
    this.#byId.set(message.id, message);
    if (known === undefined) {
      this.#ordered.splice(this.#placeFor(message), 0, message);
      return;
    }
    const place = this.#ordered.indexOf(known);
    if (compareMessages(known, message) === 0) {
      this.#ordered[place] = message;
      return;
    }
    this.#ordered.splice(place, 1);
    this.#ordered.splice(this.#placeFor(message), 0, message);
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
