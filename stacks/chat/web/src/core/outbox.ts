/** Messages that wait to be stored. */

import type { Message } from "./model.ts";
import { Queue, type Queued, type QueueOptions, SendFailed } from "./queue.ts";

export { SendFailed };

export interface OutgoingMessage extends Queued {
  client_message_id: string;
  text: string;
  attachments: string[];
  /** Id of the message that it answers. */
  answers?: string;
  /** When it was written, in milliseconds since 1970. */
  written_at: number;
}

export type OutboxOptions = QueueOptions<OutgoingMessage, Message>;

function isOutgoing(value: unknown): value is OutgoingMessage {
  const one = value as Partial<OutgoingMessage> | null;
  return (
    typeof one?.client_message_id === "string" &&
    typeof one.room === "string" &&
    typeof one.text === "string" &&
    Array.isArray(one.attachments)
  );
}

export class Outbox extends Queue<OutgoingMessage, Message> {
  constructor(options: OutboxOptions) {
    super(options, { key: "chat.outbox", idOf: (one) => one.client_message_id, isOne: isOutgoing });
  }

  add(room: string, text: string, attachments: string[] = [], answers?: string): OutgoingMessage {
    const { newId = () => crypto.randomUUID(), now = Date.now } = this.options;
    const message: OutgoingMessage = { client_message_id: newId(), room, text, attachments, written_at: now() };
    if (answers !== undefined) message.answers = answers;
    this.push(message);
    return message;
  }
}
