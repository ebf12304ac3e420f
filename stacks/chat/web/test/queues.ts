/** A queue of hanako whose ids, clock, pauses and chance a test knows. */

import type { Queued, QueueOptions } from "../src/core/queue.ts";
import type { MapStore } from "./stores.ts";

export function queueOptions<Out extends Queued, Stored>(
  store: MapStore,
  send: QueueOptions<Out, Stored>["send"],
): QueueOptions<Out, Stored> {
  let id = 0;
  return {
    user: "hanako",
    store,
    send,
    onSent: () => undefined,
    onChange: () => undefined,
    newId: () => {
      id += 1;
      return `id-${id}`;
    },
    now: () => 0,
    pause: async () => undefined,
    random: () => 0,
  };
}
