/** Has screen readers say what others write. */

import type { Message } from "../core/model.ts";
import { t } from "../text/i18n.ts";
import { announce } from "./feedback.ts";

/** Messages that were posted longer ago than this are not announced, in milliseconds. */
const RECENT = 60_000;

export class Announcer {
  readonly #me: string;
  /** Clock of the last message that was announced. */
  #announced = Date.now();

  constructor(me: string) {
    this.#me = me;
  }

  take(messages: readonly Message[], nameOf: (user: string) => string): void {
    for (const { author, clock, deleted, posted_at, text } of messages.slice(-5)) {
      const old = clock <= this.#announced || Date.parse(posted_at) < this.#announced - RECENT;
      if (author === this.#me || old || deleted !== undefined) continue;
      this.#announced = clock;
      announce(t("saidBy", { name: nameOf(author), text }));
    }
  }
}
