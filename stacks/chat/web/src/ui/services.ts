/** What the views of a signed-in user share. */

import type { Outbox } from "../core/outbox.ts";
import type { ChatApi } from "../net/api.ts";

export interface Services {
  api: ChatApi;
  outbox: Outbox;
  /** The user's id. */
  me: string;
  address: (url: string) => string;
  isOnline: () => boolean;
  /** Milliseconds between two heartbeats. */
  heartbeat: () => number;
  /** A heartbeat told the room's channel: follow it if it is another one. */
  compareChannel: (room: string, channel: string) => void;
}
