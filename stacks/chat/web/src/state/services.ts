/** The services that the state of a signed-in user shares. */

import type { ReadonlySignal } from "@preact/signals";
import type { ChangeQueue } from "../core/change-queue.ts";
import type { Kept } from "../core/kept.ts";
import type { Outbox } from "../core/outbox.ts";
import type { ChatApi } from "../net/api.ts";
import type { MessagesApi } from "../net/messages.ts";

export interface Services {
  api: ChatApi;
  messages: MessagesApi;
  outbox: Outbox;
  /** Changes of messages that wait to be stored. */
  changes: ChangeQueue;
  /** What is shown when the page opens without a network. */
  kept: Kept;
  /** The user's id. */
  me: string;
  /** Turns an address of AWS into one that can be reached from here. */
  address: (url: string) => string;
  /** Where to post a form. */
  uploadAddress: (url: string) => string;
  /** Whether messages can be sent now. */
  online: ReadonlySignal<boolean>;
  /** Milliseconds between two heartbeats. */
  heartbeat: () => number;
  /** Whether others are told that the user types. */
  typing: boolean;
  /** A heartbeat returned the room's channel: subscribe again if it is another one. */
  compareChannel: (room: string, channel: string) => void;
}
