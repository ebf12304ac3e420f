/** What the user does to the messages of a room: edit, delete, react, answer, link to; and which one has the focus. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { OutgoingChange } from "../core/change-queue.ts";
import { type Shown, withWaiting } from "../core/changes.ts";
import { messageLink } from "../core/invite.ts";
import type { Message } from "../core/model.ts";
import { t } from "../text/i18n.ts";
import { announce, toast } from "./feedback.ts";
import type { Services } from "./services.ts";

/** What the menu offers; the API takes any one emoji. */
export const EMOJI = ["👍", "❤️", "😂", "🎉", "😮", "😢"] as const;

export interface ChangesOptions {
  services: Services;
  room: string;
  messages: ReadonlySignal<readonly Message[]>;
  creator: ReadonlySignal<boolean>;
}

export class ChangesStore {
  /** The messages with what waits to be stored on top. */
  readonly shown: ReadonlySignal<readonly Shown[]>;
  /** Id of the message that the keyboard is at, or was at last. */
  readonly focused = signal<string | undefined>();
  /** Id of the one message that the tab key reaches. */
  readonly reached: ReadonlySignal<string | undefined>;
  /** Id of the message whose menu is open. */
  readonly menu = signal<string | undefined>();
  /** Id of the message that is edited in place. */
  readonly editing = signal<string | undefined>();
  /** Id of the message that a link has led to. */
  readonly marked = signal<string | undefined>();
  readonly #options: ChangesOptions;
  readonly #waiting = signal<readonly OutgoingChange[]>([]);

  constructor(options: ChangesOptions) {
    this.#options = options;
    this.shown = computed(() => withWaiting(options.messages.value, this.#waiting.value, options.services.me));
    this.reached = computed(() => {
      const there = this.shown.value.find(({ id }) => id === this.focused.value);
      return (there ?? this.shown.value.at(-1))?.id;
    });
    this.queueChanged();
  }

  /** The queue changes its entries in place; the views compare them, so they get copies. */
  queueChanged(): void {
    const { room, services } = this.#options;
    this.#waiting.value = services.changes.of(room).map((one) => ({ ...one }));
  }

  mayEdit(message: Message): boolean {
    return message.author === this.#options.services.me && message.deleted === undefined;
  }

  mayDelete(message: Message): boolean {
    return this.mayEdit(message) || (this.#options.creator.value && message.deleted === undefined);
  }

  edit(message: Message, text: string): void {
    this.editing.value = undefined;
    const said = text.trim();
    if (said === "" || said === message.text) return;
    this.#add(message, "edit", { text: said });
    announce(t("editedDone"));
  }

  remove(message: Message): void {
    this.#add(message, "deletion");
    announce(t("deletedDone"));
  }

  /** Give a reaction, or take back the one that was given. */
  react(message: Message, emoji: string): void {
    const { me } = this.#options.services;
    const before = message.reactions?.[me]?.[0] ?? "";
    this.#add(message, "reaction", { emoji: before === emoji ? "" : emoji });
    announce(before === emoji ? t("reactionRemoved") : t("reactionDone", { emoji }));
  }

  async copyLink(message: Message): Promise<void> {
    const link = messageLink(location.origin, this.#options.room, message.id);
    try {
      await navigator.clipboard.writeText(link);
      toast(t("linkCopied"));
    } catch {
      toast(link);
    }
  }

  #add(message: Message, kind: OutgoingChange["kind"], what: { text?: string; emoji?: string } = {}): void {
    const { room, services } = this.#options;
    services.changes.add(room, message.id, kind, what);
  }
}
