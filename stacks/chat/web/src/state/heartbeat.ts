/** Reports that the user has a room open and is typing or not, and receives the presence of the others. */

import type { Presence } from "../core/model.ts";
import { TypingNotice } from "../core/typing.ts";
import { ApiError } from "../net/requests.ts";
import type { Services } from "./services.ts";

export interface HeartbeatOptions {
  services: Services;
  room: string;
  onPresence: (presence: Presence) => void;
  /** The user is not a member of the room any more. */
  onGone: () => void;
}

export class Heartbeat {
  readonly typing: TypingNotice;
  readonly #options: HeartbeatOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    const { services } = options;
    this.typing = new TypingNotice({ tell: () => void (services.typing && this.beat()) });
  }

  /** Report now, and then regularly while the page is visible. */
  async beat(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#closed || document.visibilityState === "hidden") return;
    const { services, room, onPresence, onGone } = this.#options;
    this.#timer = setTimeout(() => void this.beat(), services.heartbeat());
    try {
      const presence = await services.api.presence(room, services.typing && this.typing.typing);
      if (this.#closed) return;
      onPresence(presence);
      services.compareChannel(room, presence.channel);
    } catch (error) {
      // After anything else the next heartbeat tries again; the banner reports a lost network.
      if (!this.#closed && error instanceof ApiError && error.status === 404) onGone();
    }
  }

  /** The room is closed. */
  close(): void {
    this.#closed = true;
    this.typing.stop();
    clearTimeout(this.#timer);
    this.#options.services.api.absent(this.#options.room).catch(() => undefined);
  }
}
