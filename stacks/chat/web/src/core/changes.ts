/** What changes make of a message: the same state in whatever order they arrive, and however often. Pure. */

import type { OutgoingChange } from "./change-queue.ts";
import type { Change, Deleted, Edited, Message, Reaction } from "./model.ts";

interface Place {
  clock: number;
  region: string;
  sequence: number;
}

function isLater(one: Place, other: Place): boolean {
  if (one.clock !== other.clock) return one.clock > other.clock;
  if (one.region !== other.region) return one.region > other.region;
  return one.sequence > other.sequence;
}

function placeOf([, clock, region, sequence]: Reaction): Place {
  return { clock, region, sequence };
}

/** Return the message after a change; the message itself when the change makes no difference. */
export function apply(message: Message, change: Change): Message {
  const { author, clock, region, sequence, changed_at: at } = change;
  const place = { clock, region, sequence, at };
  switch (change.kind) {
    case "deletion":
      return merge(message, deleted(message, { ...place, by: author }));
    case "edit":
      return merge(message, { ...message, text: change.text, edited: place });
    case "reaction":
      return merge(message, { ...message, reactions: { [author]: [change.emoji, clock, region, sequence] } });
  }
}

/** Join two states of one message, which readers got at different times; the place is that of the first. */
export function merge(message: Message, other: Message): Message {
  const deletion = [message.deleted, other.deleted].filter((one): one is Deleted => one !== undefined);
  const [first, second] = deletion;
  if (first !== undefined) {
    // A deletion counts before everything, and of two the first one.
    const counts = second !== undefined && isLater(first, second) ? second : first;
    return counts === message.deleted ? message : deleted(message, counts);
  }
  let merged = message;
  if (isNewer(other.edited, message.edited)) merged = { ...merged, text: other.text, edited: other.edited };
  for (const [user, reaction] of Object.entries(other.reactions ?? {})) {
    const known = merged.reactions?.[user];
    if (known !== undefined && !isLater(placeOf(reaction), placeOf(known))) continue;
    merged = { ...merged, reactions: { ...merged.reactions, [user]: reaction } };
  }
  return merged;
}

function isNewer(one: Edited | undefined, other: Edited | undefined): one is Edited {
  return one !== undefined && (other === undefined || isLater(one, other));
}

function deleted({ edited: _edited, reactions: _reactions, ...message }: Message, deletion: Deleted): Message {
  return { ...message, text: "", attachments: [], deleted: deletion };
}

/** A message as its reader sees it: with what the reader has done to it and what waits to be stored. */
export interface Shown extends Message {
  waiting?: OutgoingChange;
}

/** Put the changes that wait to be stored on top of the messages. */
export function withWaiting(messages: readonly Message[], waiting: readonly OutgoingChange[], me: string): Shown[] {
  if (waiting.length === 0) return [...messages];
  return messages.map((message) =>
    waiting.filter((one) => one.message === message.id).reduce<Shown>((shown, one) => preview(shown, one, me), message),
  );
}

function preview(shown: Shown, one: OutgoingChange, me: string): Shown {
  const last = { clock: Number.MAX_SAFE_INTEGER, region: "", sequence: 0, at: new Date(one.made_at).toISOString() };
  if (one.refused !== undefined) return { ...shown, waiting: one };
  switch (one.kind) {
    case "edit":
      return { ...shown, text: one.text, edited: last, waiting: one };
    case "deletion":
      return { ...deleted(shown, { ...last, by: me }), waiting: one };
    case "reaction":
      return { ...shown, reactions: { ...shown.reactions, [me]: [one.emoji, last.clock, "", 0] }, waiting: one };
  }
}

export interface ReactionCount {
  emoji: string;
  users: string[];
}

/** The reactions to a message by emoji, in the order in which each came first. */
export function reactionsOf(message: Message): ReactionCount[] {
  const counts = new Map<string, string[]>();
  const given = Object.entries(message.reactions ?? {}).filter(([, [emoji]]) => emoji !== "");
  given.sort(([, one], [, other]) => (isLater(placeOf(one), placeOf(other)) ? 1 : -1));
  for (const [user, [emoji]] of given) counts.set(emoji, [...(counts.get(emoji) ?? []), user]);
  return [...counts].map(([emoji, users]) => ({ emoji, users }));
}
