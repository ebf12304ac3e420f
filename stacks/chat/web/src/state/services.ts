/** The services that the state of a signed-in user shares. */

import type { ReadonlySignal } from "@preact/signals";
import type { Kept } from "../core/kept.ts";
import type { Outbox } from "../core/outbox.ts";
import type { ChatApi } from "../net/api.ts";

export interface Services {
  api: ChatApi;
  outbox: Outbox;
  /** What is shown when the page opens without a network. */
  kept: Kept;
  /** The user's id. */
  me: string;
  /** Turns an address of AWS into one that can be reached from here. */
  address: (url: string) => string;
  /** Whether messages can be sent now. */
  online: ReadonlySignal<boolean>;
  /** Milliseconds between two heartbeats. */
  heartbeat: () => number;
  /** A heartbeat returned the room's channel: subscribe again if it is another one. */
  compareChannel: (room: string, channel: string) => void;
}
