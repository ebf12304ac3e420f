/** The page that is shown. It follows from the address and from the back end's answer for the room in it. */

import { signal } from "@preact/signals";
import type { OlderPage, Room } from "../core/model.ts";
import { ApiError } from "../net/requests.ts";
import { RoomStore } from "./room.ts";
import type { RoomsStore } from "./rooms.ts";
import { currentRoute, pathOf } from "./router.ts";
import type { Services } from "./services.ts";

export type Page =
  | { kind: "welcome" | "loading" | "unavailable" }
  | { kind: "room"; room: RoomStore }
  /** The user is not in the room; an invite code is needed to join. */
  | { kind: "join"; room: string; inviteCode: string | undefined };

export interface NavigationOptions {
  services: Services;
  rooms: RoomsStore;
  /** Receive the room's live events. */
  follow: (room: string) => void;
  /** The user is not in the room any more. */
  onGone: (room: string) => void;
}

export class Navigation {
  readonly route = signal(currentRoute());
  readonly page = signal<Page>({ kind: "welcome" });
  readonly #options: NavigationOptions;
  /** Changes with each page, so that an answer for an earlier page is ignored. */
  #turn = 0;

  constructor(options: NavigationOptions) {
    this.#options = options;
  }

  /** The room that is open. */
  opened(): RoomStore | undefined;
  /** The room that is open, if it is this one. */
  opened(room: string): RoomStore | undefined;
  opened(room?: string): RoomStore | undefined {
    const page = this.page.peek();
    if (page.kind !== "room") return undefined;
    return room === undefined || page.room.id === room ? page.room : undefined;
  }

  /**
   * Show the page of the address.
   *
   * @param again request it again even if it is shown already
   */
  async show(again = false): Promise<void> {
    this.route.value = currentRoute();
    const { room, message, inviteCode } = this.route.value;
    const open = again || room === undefined ? undefined : this.opened(room);
    if (open !== undefined) {
      if (message !== undefined) void open.goTo(message);
      return;
    }
    this.#turn += 1;
    const turn = this.#turn;
    this.#leave();
    this.page.value = { kind: room === undefined ? "welcome" : "loading" };
    if (room === undefined) return;
    try {
      const found = await this.#options.services.api.room(room);
      if (turn === this.#turn) await this.#open(found, turn);
    } catch (error) {
      if (turn !== this.#turn) return;
      const { kept } = this.#options.services;
      if (error instanceof ApiError && error.status < 500) {
        kept.forgetRoom(room);
        this.page.value = { kind: "join", room, inviteCode };
        return;
      }
      const last = kept.room(room);
      if (last === undefined) this.page.value = { kind: "unavailable" };
      else await this.#open(last.room, turn, last.page);
    }
  }

  close(): void {
    this.#turn += 1;
    this.opened()?.close();
  }

  /** Close the room that is open, and keep what it shows while the user is in it. */
  #leave(): void {
    const open = this.opened();
    if (open !== undefined && this.#options.rooms.find(open.id) !== undefined) open.keep();
    open?.close();
  }

  /** @param page its newest messages, if they cannot be read now */
  async #open(room: Room, turn: number, page?: OlderPage): Promise<void> {
    const { follow, onGone, rooms, services } = this.#options;
    const id = room.room;
    // A code in the address has served its purpose.
    if (location.hash !== "") history.replaceState(null, "", pathOf(id));
    const unread = rooms.find(id)?.unread ?? 0;
    follow(id);
    const store = await RoomStore.open({
      services,
      room,
      page,
      unread,
      onRead: (cursor) => rooms.markRead(id, cursor),
      onGone: () => onGone(id),
    });
    if (turn !== this.#turn) {
      store.close();
      return;
    }
    rooms.markRead(id, "");
    this.page.value = { kind: "room", room: store };
    if (page === undefined) store.keep();
    // Messages that arrived between reading and following.
    store.catchUp();
    const { message } = this.route.value;
    if (message !== undefined) void store.goTo(message);
  }
}
