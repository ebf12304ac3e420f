/** What a conversation looks like as rows: days, groups of one author, what is new, what waits to be sent. Pure. */

import type { Shown } from "./changes.ts";
import type { OutgoingMessage } from "./outbox.ts";

export type Row =
  | { kind: "start"; key: "start" }
  | { kind: "day"; key: string; date: Date }
  | { kind: "new"; key: "new" }
  | { kind: "message"; key: string; message: Shown; mine: boolean; leads: boolean }
  | { kind: "gap"; key: "gap" }
  | { kind: "outgoing"; key: string; outgoing: OutgoingMessage; leads: boolean };

export interface LayoutOptions {
  me: string;
  messages: readonly Shown[];
  /** Id of the message behind which messages have been left out. */
  gap?: string | undefined;
  outgoing: readonly OutgoingMessage[];
  /** Whether the first of the messages is the room's first. */
  complete: boolean;
  /** Id of the first message that was not read when the room was opened. */
  firstNew?: string | undefined;
}

/** Messages of one author less than this apart are one group, in milliseconds. */
const GROUP = 5 * 60_000;

function day(date: Date): string {
  return `day-${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

export function layout({ me, messages, gap, outgoing, complete, firstNew }: LayoutOptions): Row[] {
  const rows: Row[] = complete ? [{ kind: "start", key: "start" }] : [];
  let last: { author: string; at: number; day: string } | undefined;
  for (const message of messages) {
    const date = new Date(message.posted_at);
    const today = day(date);
    // Wall clocks of Regions differ, so a day can seem to come back; its heading is shown once.
    if (today !== last?.day && !rows.some((row) => row.key === today)) rows.push({ kind: "day", key: today, date });
    if (message.id === firstNew) rows.push({ kind: "new", key: "new" });
    const before = rows.at(-1)?.kind === "message" ? last : undefined;
    const leads = before?.author !== message.author || date.getTime() - before.at > GROUP;
    rows.push({
      kind: "message",
      // One's own message keeps its row when it has been stored.
      key: message.author === me ? `mine-${message.client_message_id}` : message.id,
      message,
      mine: message.author === me,
      leads,
    });
    last = { author: message.author, at: date.getTime(), day: today };
    if (message.id === gap) rows.push({ kind: "gap", key: "gap" });
  }
  const stored = new Set(messages.map((message) => (message.author === me ? message.client_message_id : "")));
  for (const one of outgoing) {
    if (stored.has(one.client_message_id)) continue;
    const before = rows.at(-1)?.kind === "message" ? last : undefined;
    const follows = before === undefined ? rows.at(-1)?.kind === "outgoing" : before.author === me;
    rows.push({ kind: "outgoing", key: `mine-${one.client_message_id}`, outgoing: one, leads: !follows });
  }
  return rows;
}
