/** The position of the reader of a room: at the newest messages, or above them while others arrive. */

import { computed, signal } from "@preact/signals";

export class ReadingPosition {
  /** Whether the view shows the newest messages and follows those to come. */
  readonly follows = signal(true);
  /** Messages that arrived since the newest ones were last on the screen. */
  readonly missed = computed(() => (this.follows.value ? 0 : this.#arrived.value - this.#seen.value));
  readonly #arrived = signal(0);
  readonly #seen = signal(0);

  arrived(messages: number): void {
    this.#arrived.value += messages;
  }

  /** The newest messages are on the screen. */
  seen(): void {
    this.#seen.value = this.#arrived.value;
  }
}
