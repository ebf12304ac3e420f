/** Reading above the newest messages: older ones, the one that a link leads to, and what was left out in between. */

import { batch, signal } from "@preact/signals";
import type { Conversation } from "../core/conversation.ts";
import { t } from "../text/i18n.ts";
import type { ChangesStore } from "./changes.ts";
import { toast } from "./feedback.ts";
import type { ReadingPosition } from "./reading.ts";

export class BrowsingStore {
  readonly hasOlder = signal(false);
  readonly loading = signal(false);
  /** Id of the message behind which messages have been left out. */
  readonly gap = signal<string | undefined>();
  readonly #conversation: Conversation;
  readonly #position: ReadingPosition;

  constructor(conversation: Conversation, position: ReadingPosition) {
    this.#conversation = conversation;
    this.#position = position;
    this.take();
  }

  /** The messages have changed. */
  take(): void {
    this.hasOlder.value = this.#conversation.hasOlder;
    this.gap.value = this.#conversation.gap;
  }

  /** If it fails the button stays, so that it can be retried. */
  async loadOlder(): Promise<void> {
    if (this.hasOlder.value) await this.#read(() => this.#conversation.older());
  }

  /** Read on where messages were left out. */
  async fillGap(): Promise<void> {
    await this.#read(() => this.#conversation.fillGap());
  }

  /** Show a message, wherever it is in the history. */
  async goTo(message: string, changes: ChangesStore): Promise<void> {
    if (!(await this.#read(() => this.#conversation.goTo(message)))) {
      toast(t("messageUnavailable"), "error");
      return;
    }
    batch(() => {
      changes.focused.value = message;
      changes.marked.value = message;
    });
  }

  async #read(read: () => Promise<void>): Promise<boolean> {
    if (this.loading.value) return false;
    batch(() => {
      this.loading.value = true;
      this.#position.follows.value = false;
    });
    try {
      await read();
      return true;
    } catch {
      return false;
    } finally {
      this.loading.value = false;
    }
  }
}
