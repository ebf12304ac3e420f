/** The state of the network and of the live connection, and when the banner reports it. */

import { computed, signal } from "@preact/signals";
import type { LiveState } from "../core/live.ts";
import { t } from "../text/i18n.ts";
import { toast } from "./feedback.ts";

export type ConnectionProblem = "offline" | "reconnecting";

/** An interruption that is shorter than this is not reported, in milliseconds. */
const BANNER_DELAY = 1_500;

export class ConnectionStore {
  /** Shown as a banner. */
  readonly problem = signal<ConnectionProblem | undefined>();
  /** Whether messages can be sent now. */
  readonly online = computed(() => this.#network.value && this.#live.value !== "waiting");
  readonly #network = signal(navigator.onLine);
  readonly #live = signal<LiveState>("idle");
  #timer: ReturnType<typeof setTimeout> | undefined;

  networkChanged(): void {
    this.#network.value = navigator.onLine;
    this.#update();
  }

  liveChanged(state: LiveState): void {
    this.#live.value = state;
    this.#update();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #update(): void {
    clearTimeout(this.#timer);
    const wasAway = this.problem.value !== undefined;
    const live = this.#live.value;
    if (!this.#network.value) {
      this.problem.value = "offline";
    } else if (live === "waiting" || (live === "connecting" && wasAway)) {
      const tell = (): void => {
        this.problem.value = "reconnecting";
      };
      if (wasAway) tell();
      else this.#timer = setTimeout(tell, BANNER_DELAY);
    } else if (live === "live") {
      this.problem.value = undefined;
      if (wasAway) toast(t("back"));
    }
  }
}
