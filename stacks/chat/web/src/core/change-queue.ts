/** Changes of messages that wait to be stored: what was edited, deleted or reacted to, also without a network. */

import type { ChangeKind, Message } from "./model.ts";
import { Queue, type Queued, type QueueOptions } from "./queue.ts";

export interface OutgoingChange extends Queued {
  client_change_id: string;
  kind: ChangeKind;
  /** Id of the message. */
  message: string;
  text: string;
  emoji: string;
  /** When it was made, in milliseconds since 1970. */
  made_at: number;
}

export type ChangeQueueOptions = QueueOptions<OutgoingChange, Message>;

const KINDS: readonly unknown[] = ["edit", "deletion", "reaction"] satisfies ChangeKind[];

function isOutgoing(value: unknown): value is OutgoingChange {
  const one = value as Partial<OutgoingChange> | null;
  return (
    typeof one?.client_change_id === "string" &&
    typeof one.room === "string" &&
    typeof one.message === "string" &&
    typeof one.text === "string" &&
    typeof one.emoji === "string" &&
    typeof one.made_at === "number" &&
    KINDS.includes(one.kind)
  );
}

export class ChangeQueue extends Queue<OutgoingChange, Message> {
  constructor(options: ChangeQueueOptions) {
    super(options, { key: "chat.changes", idOf: (one) => one.client_change_id, isOne: isOutgoing });
  }

  add(room: string, message: string, kind: ChangeKind, what: { text?: string; emoji?: string } = {}): void {
    const { newId = () => crypto.randomUUID(), now = Date.now } = this.options;
    const { text = "", emoji = "" } = what;
    this.push({ client_change_id: newId(), room, message, kind, text, emoji, made_at: now() });
  }
}
