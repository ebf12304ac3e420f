/** The state of one open room: messages, members, typing notices, the composer. */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { Conversation } from "../core/conversation.ts";
import { layout, type Row } from "../core/layout.ts";
import type { LiveEvent, Member, Message, OlderPage, Room } from "../core/model.ts";
import type { OutgoingMessage } from "../core/outbox.ts";
import { t } from "../text/i18n.ts";
import { AttachmentStore } from "./attachment.ts";
import { ComposerStore } from "./composer.ts";
import { announce } from "./feedback.ts";
import { Heartbeat } from "./heartbeat.ts";
import { storeInviteCode } from "./invites.ts";
import { ReadingPosition } from "./reading.ts";
import type { Services } from "./services.ts";

export interface RoomOptions {
  services: Services;
  room: Room;
  /** Its newest messages as they were kept; by default they are read. */
  page?: OlderPage | undefined;
  /** Messages that were not read when the room was opened. */
  unread: number;
  /** The newest messages have been seen, up to this cursor. */
  onRead: (cursor: string) => void;
  /** The user is not a member any more. */
  onGone: () => void;
}

/** Messages that were posted longer ago than this are not announced, in milliseconds. */
const RECENT = 60_000;

export class RoomStore {
  readonly id: string;
  readonly name: string;
  /** Whether the user made the room: may change the invite code and remove members. */
  readonly creator: Signal<boolean>;
  readonly services: Services;
  readonly composer: ComposerStore;
  readonly rows: ReadonlySignal<Row[]>;
  readonly members: Signal<readonly Member[]>;
  /** Ids of the others who type. */
  readonly typing = signal<readonly string[]>([]);
  readonly hasOlder = signal(false);
  readonly loadingOlder = signal(false);
  /** Id of the message to be shown, for example because a search has found it. */
  readonly shown = signal<string | undefined>();
  readonly position = new ReadingPosition();
  readonly heartbeat: Heartbeat;
  readonly #options: RoomOptions;
  readonly #conversation: Conversation;
  readonly #names = new Map<string, ReadonlySignal<string>>();
  readonly #attachments = new Map<string, AttachmentStore>();
  readonly #messages = signal<readonly Message[]>([]);
  readonly #outgoing = signal<readonly OutgoingMessage[]>([]);
  #announced = Date.now();

  private constructor(options: RoomOptions, conversation: Conversation) {
    const { services, room, unread } = options;
    const { me, outbox } = services;
    this.#options = options;
    this.#conversation = conversation;
    this.id = room.room;
    this.name = room.name;
    this.creator = signal(room.creator);
    this.services = services;
    this.members = signal(room.members);
    const firstNew =
      unread > 0 ? conversation.messages.filter(({ author }) => author !== me).at(-unread)?.id : undefined;
    this.rows = computed(() =>
      layout({
        me,
        messages: this.#messages.value,
        outgoing: this.#outgoing.value,
        complete: !this.hasOlder.value,
        firstNew,
      }),
    );
    this.heartbeat = new Heartbeat({
      services,
      room: this.id,
      onPresence: (presence) => conversation.present(presence),
      onGone: options.onGone,
    });
    this.composer = new ComposerStore({
      services,
      room: this.id,
      onSend: (text, attachments) => {
        this.position.follows.value = true;
        outbox.add(this.id, text, attachments);
      },
      onKey: () => this.heartbeat.typing.key(),
      onStop: () => this.heartbeat.typing.stop(),
    });
    this.#takeMessages();
    this.#takePeople();
    this.outboxChanged();
    document.addEventListener("visibilitychange", this.#visible);
    void this.heartbeat.beat();
  }

  /** Read the newest messages. */
  static async open(options: RoomOptions): Promise<RoomStore> {
    const { page, services } = options;
    const { api } = services;
    const id = options.room.room;
    let store: RoomStore | undefined;
    const conversation = await Conversation.open({
      room: options.room,
      history: {
        after: (cursor) => api.messagesAfter(id, cursor),
        before: (place) =>
          page !== undefined && place === "latest" ? Promise.resolve(page) : api.messagesBefore(id, place),
      },
      onChange: (what, attachment) => {
        if (store !== undefined) store.#changed(what, attachment);
      },
    });
    store = new RoomStore(options, conversation);
    return store;
  }

  receive(event: LiveEvent): void {
    this.#conversation.receive(event);
  }

  /** A message of this user has been stored. */
  sent(message: Message): void {
    this.#conversation.receiveMessage(message);
  }

  update(room: Room): void {
    this.creator.value = room.creator;
    this.#conversation.update(room);
  }

  /** Show a message; return whether it has been loaded. */
  show(message: string): boolean {
    if (!this.#messages.peek().some(({ id }) => id === message)) return false;
    batch(() => {
      this.position.follows.value = false;
      this.shown.value = message;
    });
    return true;
  }

  /** Keep what is shown for a page that opens without a network. */
  keep(): void {
    const { cursor, hasOlder, messages, room } = this.#conversation;
    this.services.kept.keepRoom({ ...room, creator: this.creator.peek() }, messages, cursor, hasOlder);
  }

  catchUp(): void {
    void this.#conversation.catchUp();
  }

  /** Make the invite links that were sent before worth nothing; return the code of new ones. */
  async changeInviteCode(): Promise<string> {
    const { invite_code } = await this.services.api.changeInviteCode(this.id);
    storeInviteCode(this.id, invite_code);
    return invite_code;
  }

  /** A member who was removed comes back with an invite code of a later time only. */
  async removeMember(user: string): Promise<void> {
    await this.services.api.removeMember(this.id, user);
    this.update(await this.services.api.room(this.id));
  }

  /** The outbox changes its messages in place; the views compare them, so they get copies. */
  outboxChanged(): void {
    this.#outgoing.value = this.services.outbox.of(this.id).map((one) => ({ ...one }));
  }

  async loadOlder(): Promise<void> {
    if (this.loadingOlder.value || !this.hasOlder.value) return;
    batch(() => {
      this.loadingOlder.value = true;
      this.position.follows.value = false;
    });
    try {
      await this.#conversation.older();
    } catch {
      // The button stays, so that it can be retried.
    } finally {
      this.loadingOlder.value = false;
    }
  }

  /** The newest messages are on the screen. */
  seen(): void {
    this.position.seen();
    if (document.visibilityState !== "hidden") this.#options.onRead(this.#conversation.cursor);
  }

  /** A view that shows a name is rendered again when the name changes, and not with each change of presence. */
  nameOf(user: string): string {
    let name = this.#names.get(user);
    if (name === undefined) {
      name = computed(() => this.members.value.find((one) => one.user === user)?.name ?? t("somebody"));
      this.#names.set(user, name);
    }
    return name.value;
  }

  attachment(id: string): AttachmentStore {
    let store = this.#attachments.get(id);
    if (store === undefined) {
      store = new AttachmentStore(this.services, this.id, id);
      this.#attachments.set(id, store);
    }
    return store;
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.#visible);
    this.heartbeat.close();
    this.#conversation.close();
    this.composer.close();
    for (const store of this.#attachments.values()) store.close();
  }

  readonly #visible = (): void => {
    if (document.visibilityState === "hidden") {
      this.keep();
      return;
    }
    void this.heartbeat.beat();
    if (this.position.follows.value) this.seen();
  };

  #changed(what: "messages" | "people" | "attachment", attachment?: string): void {
    if (what === "attachment") {
      if (attachment !== undefined) this.#attachments.get(attachment)?.refresh();
      return;
    }
    batch(() => {
      this.#takePeople();
      if (what === "messages") {
        this.#settle();
        this.#takeMessages();
        this.#announceNew();
      }
    });
    if (what === "people" && this.position.follows.value) this.seen();
  }

  #takeMessages(): void {
    const messages = [...this.#conversation.messages];
    if (!this.loadingOlder.value) this.position.arrived(messages.length - this.#messages.value.length);
    this.#messages.value = messages;
    this.hasOlder.value = this.#conversation.hasOlder;
  }

  #takePeople(): void {
    this.members.value = this.#conversation.room.members;
    this.typing.value = this.#conversation.typing.filter((user) => user !== this.services.me);
  }

  /** A message that is in the room has been stored, even if the answer was lost: do not send it again. */
  #settle(): void {
    const { outbox, me } = this.services;
    for (const { author, client_message_id } of this.#conversation.messages) {
      if (author === me && outbox.of(this.id).length > 0) outbox.settle(client_message_id);
    }
  }

  #announceNew(): void {
    for (const { author, clock, posted_at, text } of this.#conversation.messages.slice(-5)) {
      const old = clock <= this.#announced || Date.parse(posted_at) < this.#announced - RECENT;
      if (author === this.services.me || old) continue;
      this.#announced = clock;
      announce(t("saidBy", { name: this.nameOf(author), text }));
    }
  }
}
