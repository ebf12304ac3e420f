/** The messages that others answer, also those that are not among the messages which have been read. */

import { apply } from "./changes.ts";
import type { Change, Message } from "./model.ts";
import type { Timeline } from "./timeline.ts";

interface Source {
  one(message: string): Promise<Message>;
}

export class Quotes {
  readonly #timeline: Timeline;
  readonly #history: Source;
  readonly #onChange: () => void;
  readonly #known = new Map<string, Message>();
  readonly #asked = new Set<string>();

  constructor(timeline: Timeline, history: Source, onChange: () => void) {
    this.#timeline = timeline;
    this.#history = history;
    this.#onChange = onChange;
  }

  /** The message, or undefined while it is not known; then it is asked for once. */
  of(id: string): Message | undefined {
    const known = this.#timeline.get(id) ?? this.#known.get(id);
    if (known === undefined && !this.#asked.has(id)) void this.#ask(id);
    return known;
  }

  add(messages: Iterable<Message> = []): void {
    for (const message of messages) this.#known.set(message.id, message);
  }

  /** @returns whether a message that is quoted has changed */
  change(changes: Iterable<Change>): boolean {
    let changed = false;
    for (const change of changes) {
      const known = this.#known.get(change.message);
      const state = known && apply(known, change);
      if (state === undefined || state === known) continue;
      this.#known.set(state.id, state);
      changed = true;
    }
    return changed;
  }

  async #ask(id: string): Promise<void> {
    this.#asked.add(id);
    try {
      this.add([await this.#history.one(id)]);
      this.#onChange();
    } catch {
      // Without it the answer is shown as one to a message that is not available.
    }
  }
}
