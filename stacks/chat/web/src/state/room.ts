/** The state of one open room: messages, members, typing notices, the composer. */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { Conversation } from "../core/conversation.ts";
import { layout, type Row } from "../core/layout.ts";
import type { LiveEvent, Member, Message, OlderPage, Room } from "../core/model.ts";
import type { OutgoingMessage } from "../core/outbox.ts";
import { t } from "../text/i18n.ts";
import { Announcer } from "./announcer.ts";
import { AttachmentStore } from "./attachment.ts";
import { BrowsingStore } from "./browsing.ts";
import { ChangesStore } from "./changes.ts";
import { ComposerStore } from "./composer.ts";
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

export class RoomStore {
  readonly id: string;
  readonly name: string;
  /** Whether the user made the room: may change the invite code and remove members. */
  readonly creator: Signal<boolean>;
  readonly services: Services;
  readonly composer: ComposerStore;
  readonly changes: ChangesStore;
  readonly rows: ReadonlySignal<Row[]>;
  readonly members: Signal<readonly Member[]>;
  /** Ids of the others who type. */
  readonly typing = signal<readonly string[]>([]);
  readonly position = new ReadingPosition();
  readonly browsing: BrowsingStore;
  readonly heartbeat: Heartbeat;
  readonly #options: RoomOptions;
  readonly #conversation: Conversation;
  readonly #names = new Map<string, ReadonlySignal<string>>();
  readonly #attachments = new Map<string, AttachmentStore>();
  readonly #messages = signal<readonly Message[]>([]);
  readonly #outgoing = signal<readonly OutgoingMessage[]>([]);
  readonly #announcer: Announcer;

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
    this.#announcer = new Announcer(me);
    this.browsing = new BrowsingStore(conversation, this.position);
    this.changes = new ChangesStore({ services, room: this.id, messages: this.#messages, creator: this.creator });
    this.rows = computed(() =>
      layout({
        me,
        messages: this.changes.shown.value,
        gap: this.browsing.gap.value,
        outgoing: this.#outgoing.value,
        complete: !this.browsing.hasOlder.value,
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
      onSend: (text, attachments, answers) => {
        this.position.follows.value = true;
        outbox.add(this.id, text, attachments, answers);
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
    const { api, messages } = services;
    const id = options.room.room;
    let store: RoomStore | undefined;
    const conversation = await Conversation.open({
      room: options.room,
      history: {
        after: (cursor) => api.messagesAfter(id, cursor),
        before: (place) =>
          page !== undefined && place === "latest" ? Promise.resolve(page) : api.messagesBefore(id, place),
        around: (message) => messages.around(id, message),
        one: (message) => messages.one(id, message),
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

  /** A message as it is after a change that this user made. */
  changed(message: Message): void {
    this.#conversation.receiveState(message);
  }

  /** The message that another one answers; undefined while, or because, it is not known. */
  quoted(id: string): Message | undefined {
    // Who reads it is rendered again when it is there, or has changed.
    this.#messages.value;
    return this.#conversation.quoted(id);
  }

  /** Show a message, wherever it is in the history. */
  goTo(message: string): Promise<void> {
    return this.browsing.goTo(message, this.changes);
  }

  update(room: Room): void {
    this.creator.value = room.creator;
    this.#conversation.update(room);
  }

  /** Keep what is shown for a page that opens without a network. */
  keep(): void {
    const { cursor, gap, hasOlder, messages, room } = this.#conversation;
    const newest = messages.slice(messages.findIndex(({ id }) => id === gap) + 1);
    const more = hasOlder || newest.length < messages.length;
    this.services.kept.keepRoom({ ...room, creator: this.creator.peek() }, newest, cursor, more);
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
        this.#announcer.take(this.#conversation.messages, (user) => this.nameOf(user));
      }
    });
    if (what === "people" && this.position.follows.value) this.seen();
  }

  #takeMessages(): void {
    const messages = [...this.#conversation.messages];
    if (!this.browsing.loading.value) this.position.arrived(messages.length - this.#messages.value.length);
    this.#messages.value = messages;
    this.browsing.take();
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
}
