/** Who is in a room, who has it open, and who types. */

import type { Member, Presence, Room } from "./model.ts";

/** Who types on says so every few seconds, who stops says that too; this is for a browser that died meanwhile. */
const TYPING_LASTS = 6_000;

export class People {
  #room: Room;
  readonly #onLapsed: () => void;
  readonly #typing = new Map<string, ReturnType<typeof setTimeout>>();
  #closed = false;

  /** @param onLapsed called when somebody has not typed for a while */
  constructor(room: Room, onLapsed: () => void) {
    this.#room = room;
    this.#onLapsed = onLapsed;
    this.update(room);
  }

  get room(): Room {
    return this.#room;
  }

  get typing(): string[] {
    return [...this.#typing.keys()];
  }

  member(user: string): Member | undefined {
    return this.#room.members.find((one) => one.user === user);
  }

  update(room: Room): void {
    this.#room = room;
    for (const { user, typing } of room.members) this.setTyping(user, typing);
  }

  present({ online, typing }: Presence): void {
    const there = new Set(online);
    this.#room = {
      ...this.#room,
      members: this.#room.members.map((member) => ({ ...member, online: there.has(member.user) })),
    };
    for (const { user } of this.#room.members) this.setTyping(user, typing.includes(user));
  }

  setOnline(user: string, online: boolean): void {
    this.#room = {
      ...this.#room,
      members: this.#room.members.map((member) => (member.user === user ? { ...member, online } : member)),
    };
    if (!online) this.setTyping(user, false);
  }

  setTyping(user: string, typing: boolean): void {
    clearTimeout(this.#typing.get(user));
    this.#typing.delete(user);
    if (!typing || this.#closed) return;
    const timer = setTimeout(() => {
      this.#typing.delete(user);
      this.#onLapsed();
    }, TYPING_LASTS);
    this.#typing.set(user, timer);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#typing.values()) clearTimeout(timer);
    this.#typing.clear();
  }
}
