/** The state of the network and of the live connection, and when the user is told about it. */

import { computed, signal } from "@preact/signals";
import type { LiveState } from "../core/live.ts";
import { t } from "../text/i18n.ts";
import { toast } from "./feedback.ts";

export type Trouble = "offline" | "reconnecting";

/** A connection that comes back sooner than this is not worth a banner, in milliseconds. */
const PATIENCE = 1_500;

export class ConnectionStore {
  /** Shown as a banner. */
  readonly trouble = signal<Trouble | undefined>();
  /** Whether messages can be sent now. */
  readonly online = computed(() => this.#network.value && this.#live.value !== "waiting");
  readonly #network = signal(navigator.onLine);
  readonly #live = signal<LiveState>("idle");
  #timer: ReturnType<typeof setTimeout> | undefined;

  networkChanged(): void {
    this.#network.value = navigator.onLine;
    this.#judge();
  }

  liveChanged(state: LiveState): void {
    this.#live.value = state;
    this.#judge();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #judge(): void {
    clearTimeout(this.#timer);
    const wasAway = this.trouble.value !== undefined;
    const live = this.#live.value;
    if (!this.#network.value) {
      this.trouble.value = "offline";
    } else if (live === "waiting" || (live === "connecting" && wasAway)) {
      const tell = (): void => {
        this.trouble.value = "reconnecting";
      };
      if (wasAway) tell();
      else this.#timer = setTimeout(tell, PATIENCE);
    } else if (live === "live") {
      this.trouble.value = undefined;
      if (wasAway) toast(t("back"));
    }
  }
}
