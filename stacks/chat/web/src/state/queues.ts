/** What the user has written and done that waits to be stored. */

import { ChangeQueue } from "../core/change-queue.ts";
import { Outbox } from "../core/outbox.ts";
import type { ChatApi } from "../net/api.ts";
import type { MessagesApi } from "../net/messages.ts";
import type { RoomStore } from "./room.ts";

export interface QueuesOptions {
  user: string;
  api: ChatApi;
  messages: MessagesApi;
  /** The room that is open, if it is this one. */
  opened: (room?: string) => RoomStore | undefined;
}

export class Queues {
  readonly outbox: Outbox;
  readonly changes: ChangeQueue;

  constructor({ user, api, messages, opened }: QueuesOptions) {
    this.outbox = new Outbox({
      user,
      store: localStorage,
      send: (message) => api.send(message),
      onSent: (message) => opened(message.room)?.sent(message),
      onChange: () => opened()?.outboxChanged(),
    });
    this.changes = new ChangeQueue({
      user,
      store: localStorage,
      send: (change) => messages.change(change),
      onSent: (message) => opened(message.room)?.changed(message),
      onChange: () => opened()?.changes.queueChanged(),
    });
  }

  /** Send what waits. */
  flush(): void {
    void this.outbox.flush();
    void this.changes.flush();
  }

  /** Send, and keep, nothing more. */
  stop(): void {
    this.outbox.stop();
    this.changes.stop();
  }
}
