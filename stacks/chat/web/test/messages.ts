import type { Change, Message, Room } from "../src/core/model.ts";

export const TOKYO = "ap-northeast-1";
export const OREGON = "us-west-2";

export function message(region: string, sequence: number, clock: number, more: Partial<Message> = {}): Message {
  return {
    room: "r1",
    region,
    sequence,
    clock,
    id: `${region}-${sequence}`,
    author: "hanako",
    client_message_id: `c-${region}-${sequence}`,
    text: `${region} ${sequence}`,
    attachments: [],
    posted_at: new Date(clock).toISOString(),
    ...more,
  };
}

export function change(region: string, sequence: number, clock: number, more: Partial<Change> = {}): Change {
  return {
    kind: "edit",
    room: "r1",
    region,
    sequence,
    clock,
    id: `change-${region}-${sequence}`,
    message: `${TOKYO}-1`,
    author: "hanako",
    text: "",
    emoji: "",
    changed_at: new Date(clock).toISOString(),
    ...more,
  };
}

export function room(more: Partial<Room> = {}): Room {
  return {
    room: "r1",
    name: "Hanami",
    channel: "/rooms/r1/g1",
    cursor: "",
    creator: false,
    members: [
      { user: "hanako", name: "Hanako", online: true, typing: false },
      { user: "liam", name: "Liam", online: false, typing: false },
    ],
    ...more,
  };
}

/** Let everything that waits for nothing but its turn happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}
