/**
 * What was read last, kept in this browser: a page that opens without a network shows it, and goes on from there when
 * the network is back. It is removed with everything else when the user signs out.
 */

import { formatCursor, messagesOnly, parseCursor } from "./cursor.ts";
import type { Message, OlderPage, Room, RoomSummary } from "./model.ts";
import type { ListedStore } from "./storage.ts";

export interface KeptRoom {
  room: Room;
  /** The newest messages, as the history would have returned them. */
  page: OlderPage;
}

const NAME = "chat.kept.name";
const ROOMS = "chat.kept.rooms";
const ROOM = "chat.kept.room.";
/** Messages waiting to be sent need room in the same store, of 5 MB. */
const MOST_ROOMS = 20;
const MOST_MESSAGES = 50;

export class Kept {
  readonly #store: ListedStore;

  constructor(store: ListedStore) {
    this.#store = store;
  }

  get name(): string {
    return this.#read<string>(NAME) ?? "";
  }

  keepName(name: string): void {
    this.#write(NAME, name);
  }

  rooms(): RoomSummary[] | undefined {
    return this.#read<RoomSummary[]>(ROOMS);
  }

  keepRooms(rooms: readonly RoomSummary[]): void {
    this.#write(ROOMS, rooms);
  }

  room(id: string): KeptRoom | undefined {
    return this.#read<KeptRoom>(ROOM + id);
  }

  /**
   * @param messages what is shown of the room, in order
   * @param cursor up to where the reader has everything
   */
  keepRoom(room: Room, messages: readonly Message[], cursor: string, hasOlder: boolean): void {
    const reached = parseCursor(cursor);
    // Behind a gap nothing is kept: it is read again.
    const known = messages.filter(({ region, sequence }) => sequence <= (reached[region] ?? 0));
    const newest = known.slice(-MOST_MESSAGES);
    const before: Record<string, number> = {};
    for (const [region, sequence] of Object.entries(messagesOnly(reached))) before[region] = sequence + 1;
    for (const { region, sequence } of newest) before[region] = Math.min(before[region] ?? sequence, sequence);
    const members = room.members.map((member) => ({ ...member, online: false, typing: false }));
    const kept: KeptRoom & { at: number } = {
      room: { ...room, members, cursor },
      page: { messages: newest, cursor, before: formatCursor(before), more: hasOlder || newest.length < known.length },
      at: Date.now(),
    };
    this.#forgetOldest(room.room);
    this.#write(ROOM + room.room, kept);
  }

  forgetRoom(id: string): void {
    this.#store.removeItem(ROOM + id);
  }

  #forgetOldest(except: string): void {
    const keys = Array.from({ length: this.#store.length }, (_, index) => this.#store.key(index) ?? "");
    const kept = keys.filter((key) => key.startsWith(ROOM) && key !== ROOM + except);
    const age = (key: string): number => this.#read<{ at: number }>(key)?.at ?? 0;
    for (const key of kept.sort((one, other) => age(other) - age(one)).slice(MOST_ROOMS - 1)) {
      this.#store.removeItem(key);
    }
  }

  #read<Value>(key: string): Value | undefined {
    try {
      return (JSON.parse(this.#store.getItem(key) ?? "null") as Value | null) ?? undefined;
    } catch {
      return undefined;
    }
  }

  #write(key: string, value: unknown): void {
    try {
      this.#store.setItem(key, JSON.stringify(value));
    } catch {
      // The store is full: what is waiting to be sent is worth more than what can be read again.
      this.#store.removeItem(key);
    }
  }
}
