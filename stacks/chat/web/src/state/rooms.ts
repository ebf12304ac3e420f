/** The user's rooms with their unread counts, sorted by their newest message. */

import { computed, signal } from "@preact/signals";
import type { Message, RoomSummary } from "../core/model.ts";
import type { ChatApi } from "../net/api.ts";
import { t } from "../text/i18n.ts";
import { announce } from "./feedback.ts";

export interface RoomsOptions {
  api: ChatApi;
  me: string;
  /** Id of the room that is open. */
  opened: () => string | undefined;
  onLoaded: (rooms: readonly RoomSummary[]) => void;
  /** The list as it was read last time. */
  kept?: () => RoomSummary[] | undefined;
}

const REFRESH_INTERVAL = 60_000;
const READ_DELAY = 500;
/** Rooms are followed one after the other, and the list has the counts of all of them. */
const GATHERED = 1_000;

export class RoomsStore {
  /** Undefined until the list has been read. */
  readonly #list = signal<readonly RoomSummary[] | undefined>();
  /** Clock of the newest message of each room. */
  readonly #activity = signal<ReadonlyMap<string, number>>(new Map());
  readonly sorted = computed(() => {
    const activity = ({ room }: RoomSummary): number => this.#activity.value.get(room) ?? 0;
    return [...(this.#list.value ?? [])].sort(
      (one, other) => activity(other) - activity(one) || one.name.localeCompare(other.name),
    );
  });
  readonly empty = computed(() => this.#list.value?.length === 0);
  readonly #options: RoomsOptions;
  /** Cursor up to which each room has been reported as read. */
  readonly #marked = new Map<string, string>();
  /** Rooms with messages that were counted since the list was last asked for: its answer may be older than these. */
  readonly #counted = new Set<string>();
  #listTimer: ReturnType<typeof setTimeout> | undefined;
  #soonTimer: ReturnType<typeof setTimeout> | undefined;
  #readTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  find(room: string): RoomSummary | undefined {
    return this.#list.value?.find((one) => one.room === room);
  }

  /** Read the list now, and every minute while the page is visible. */
  async refresh(): Promise<void> {
    clearTimeout(this.#listTimer);
    this.#listTimer = setTimeout(() => {
      if (document.visibilityState === "visible") void this.refresh();
    }, REFRESH_INTERVAL);
    this.#counted.clear();
    let rooms: RoomSummary[];
    try {
      rooms = await this.#options.api.rooms();
    } catch {
      this.#list.value ??= this.#options.kept?.();
      return;
    }
    const open = this.#options.opened();
    this.#list.value = rooms.map((one) => {
      if (one.room === open) return { ...one, unread: 0 };
      const counted = this.#counted.has(one.room) ? (this.find(one.room)?.unread ?? 0) : 0;
      return { ...one, unread: Math.max(one.unread, counted) };
    });
    this.#options.onLoaded(this.#list.value);
  }

  /** Read the list in a second, once for all who ask until then: what came before a room was followed is in it. */
  refreshSoon(): void {
    this.#soonTimer ??= setTimeout(() => {
      this.#soonTimer = undefined;
      void this.refresh();
    }, GATHERED);
  }

  received({ room, author, clock }: Message): void {
    this.#activity.value = new Map(this.#activity.value).set(room, clock);
    const summary = this.find(room);
    if (summary === undefined || room === this.#options.opened() || author === this.#options.me) return;
    this.#counted.add(room);
    const unread = summary.unread + 1;
    this.#setUnread(room, unread);
    announce(`${summary.name}: ${t("unread", { count: unread })}`);
  }

  /**
   * The newest messages have been seen: the count becomes zero at once, and the back end is notified after a short delay.
   *
   * @param cursor empty when there is nothing to report
   */
  markRead(room: string, cursor: string): void {
    this.#counted.delete(room);
    this.#setUnread(room, 0);
    if (cursor === "" || this.#marked.get(room) === cursor) return;
    clearTimeout(this.#readTimer);
    this.#readTimer = setTimeout(() => {
      this.#options.api.read(room, cursor).then(
        () => this.#marked.set(room, cursor),
        () => undefined,
      );
    }, READ_DELAY);
  }

  /** The user is not a member of the room any more. */
  forget(room: string): void {
    this.#list.value = this.#list.value?.filter((one) => one.room !== room);
  }

  close(): void {
    clearTimeout(this.#listTimer);
    clearTimeout(this.#soonTimer);
    clearTimeout(this.#readTimer);
  }

  #setUnread(room: string, unread: number): void {
    if ((this.find(room)?.unread ?? unread) === unread) return;
    this.#list.value = this.#list.value?.map((one) => (one.room === room ? { ...one, unread } : one));
  }
}
