/** The state of a search: what is looked for, and what has been found so far, room after room. */

import { computed, signal } from "@preact/signals";
import type { Message } from "../core/model.ts";
import { type FoundAttachment, type Page, searchAttachments, searchMessages, type Wanted } from "../net/search.ts";
import { t } from "../text/i18n.ts";
import { explain } from "./problems.ts";
import type { Services } from "./services.ts";

export type Kind = "messages" | "attachments";

export type Result = { room: string } & (
  | { kind: "message"; message: Message }
  | { kind: "attachment"; attachment: FoundAttachment }
);

/** What the form has; an empty text is nothing. */
export interface Filters {
  text: string;
  author: string;
  /** Days, as `2026-11-29`. */
  from: string;
  to: string;
  type: string;
}

const NOTHING: Filters = { text: "", author: "", from: "", to: "", type: "" };
/** A search stops when it has found so much, or has asked so often; it goes on when the reader wants more. */
const ENOUGH = 20;
const MOST_CALLS = 5;

export function isEmpty(filters: Filters): boolean {
  return Object.values(filters).every((value) => value.trim() === "");
}

/** Days are those of the reader's time zone. */
export function wantedOf({ text, author, from, to, type }: Filters): Wanted {
  const moment = (day: string, time: string): string | undefined =>
    day === "" ? undefined : new Date(`${day}T${time}`).toISOString();
  return {
    text: text.trim() || undefined,
    author: author || undefined,
    from: moment(from, "00:00:00"),
    to: moment(to, "23:59:59.999"),
    type: type || undefined,
  };
}

export class SearchStore {
  readonly kind = signal<Kind>("messages");
  readonly filters = signal<Filters>(NOTHING);
  /** What was searched for, of which the results are. */
  readonly asked = signal<Filters | undefined>();
  readonly results = signal<readonly Result[]>([]);
  readonly searching = signal(false);
  readonly problem = signal("");
  /** Whether there is something that was not looked at yet. */
  readonly more = computed(() => !this.searching.value && this.#left.value.length > 0);
  /** Rooms that are not searched to their end, with the place where each goes on. */
  readonly #left = signal<readonly { room: string; after?: string }[]>([]);
  /** Names of the members of rooms in which something was found. */
  readonly #names = signal<ReadonlyMap<string, string>>(new Map());
  readonly #named = new Set<string>();
  readonly #services: Services;
  /** Changes with each search, so that an answer to an earlier one is ignored. */
  #turn = 0;

  constructor(services: Services) {
    this.#services = services;
  }

  change(filters: Partial<Filters>): void {
    this.filters.value = { ...this.filters.value, ...filters };
  }

  /** Show the other kind; a search that was made is made for it, too. */
  async show(kind: Kind, rooms: readonly string[]): Promise<void> {
    if (kind === this.kind.peek()) return;
    this.kind.value = kind;
    if (this.asked.peek() === undefined) return;
    await this.search(rooms);
  }

  /** @param rooms in the order in which they are searched */
  async search(rooms: readonly string[]): Promise<void> {
    this.asked.value = this.filters.peek();
    this.results.value = [];
    this.#left.value = rooms.map((room) => ({ room }));
    await this.goOn();
  }

  async goOn(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const enough = this.results.peek().length + ENOUGH;
    const wanted = wantedOf(this.asked.peek() ?? NOTHING);
    this.searching.value = true;
    this.problem.value = "";
    try {
      for (let call = 0; call < MOST_CALLS && this.results.peek().length < enough; call += 1) {
        const [place, ...others] = this.#left.peek();
        if (place === undefined) break;
        const { found, after } = await this.#ask(place.room, wanted, place.after);
        if (turn !== this.#turn) return;
        if (found.length > 0) void this.#learnNames(place.room);
        this.results.value = [...this.results.peek(), ...found];
        this.#left.value = after === null ? others : [{ room: place.room, after }, ...others];
      }
    } catch (error) {
      if (turn === this.#turn) this.problem.value = explain(error);
    } finally {
      if (turn === this.#turn) this.searching.value = false;
    }
  }

  nameOf(room: string, user: string): string {
    return this.#names.value.get(`${room} ${user}`) ?? t("somebody");
  }

  /** The message that a file came with; it was written soon after the upload. */
  async messageOf(room: string, { id, owner, uploaded_at }: FoundAttachment): Promise<string | undefined> {
    const uploaded = Date.parse(uploaded_at);
    const from = new Date(uploaded - 60_000).toISOString();
    const to = new Date(uploaded + 60 * 60_000).toISOString();
    let after: string | null | undefined;
    for (let call = 0; call < MOST_CALLS && after !== null; call += 1) {
      const page: Page<Message> = await searchMessages(this.#services.api, room, { author: owner, from, to }, after);
      const message = page.found.find(({ attachments }) => attachments.includes(id));
      if (message !== undefined) return message.id;
      after = page.after;
    }
    return undefined;
  }

  async #learnNames(room: string): Promise<void> {
    if (this.#named.has(room)) return;
    this.#named.add(room);
    try {
      const { members } = await this.#services.api.room(room);
      const names = members.map(({ user, name }) => [`${room} ${user}`, name || t("somebody")] as const);
      this.#names.value = new Map([...this.#names.peek(), ...names]);
    } catch {
      this.#named.delete(room);
    }
  }

  async #ask(room: string, wanted: Wanted, after?: string): Promise<Page<Result>> {
    const { api } = this.#services;
    if (this.kind.peek() === "messages") {
      const page = await searchMessages(api, room, wanted, after);
      return { ...page, found: page.found.map((message) => ({ kind: "message", room, message })) };
    }
    const page = await searchAttachments(api, room, wanted, after);
    return { ...page, found: page.found.map((attachment) => ({ kind: "attachment", room, attachment })) };
  }
}
