/** One open room: header, conversation, who types, composer, and the heartbeat that says that somebody is here. */

import { Conversation } from "../core/conversation.ts";
import type { LiveEvent, Room } from "../core/model.ts";
import { TypingNotice } from "../core/typing.ts";
import { Composer } from "./composer.ts";
import { avatar, h, iconButton, replace } from "./dom.ts";
import { announce, openDialog } from "./feedback.ts";
import { t } from "./i18n.ts";
import { MessagesView } from "./messages.ts";
import type { Services } from "./services.ts";

export interface RoomOptions {
  services: Services;
  room: Room;
  unread: number;
  onInvite: () => void;
  onLeave: () => void;
  onBack: () => void;
  /** The newest messages have been seen, up to this place. */
  onRead: (cursor: string) => void;
}

export class RoomView {
  readonly element = h("section", { class: "room" });
  readonly #options: RoomOptions;
  readonly #people = h("button", { type: "button", class: "link-button people", onclick: () => this.#showPeople() });
  readonly #typingLine = h("p", { class: "typing" });
  readonly #typing: TypingNotice;
  #conversation: Conversation | undefined;
  #messages: MessagesView | undefined;
  #composer: Composer | undefined;
  #beat: ReturnType<typeof setTimeout> | undefined;
  #announced = 0;
  #closed = false;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#typing = new TypingNotice({ tell: () => void this.heartbeat() });
  }

  get id(): string {
    return this.#options.room.room;
  }

  get conversation(): Conversation | undefined {
    return this.#conversation;
  }

  /** Read the newest messages and show them. */
  async open(): Promise<void> {
    const { services, room, unread, onInvite, onLeave, onBack } = this.#options;
    const { api, outbox, me, address } = services;
    const conversation = await Conversation.open({
      room,
      history: {
        after: (cursor) => api.messagesAfter(room.room, cursor),
        before: (place) => api.messagesBefore(room.room, place),
      },
      onChange: (what, id) => this.#changed(what, id),
    });
    if (this.#closed) {
      conversation.close();
      return;
    }
    this.#conversation = conversation;
    this.#announced = Date.now();
    this.#messages = new MessagesView({
      me,
      api,
      outbox,
      conversation,
      unread,
      address,
      isOnline: () => services.isOnline(),
      onRead: () => this.#read(),
    });
    this.#composer = new Composer({
      room: room.room,
      name: room.name,
      api,
      address,
      onSend: (text, attachments) => {
        outbox.add(room.room, text, attachments);
        this.#messages?.toEnd();
      },
      onKey: () => this.#typing.key(),
      onStop: () => this.#typing.stop(),
    });
    replace(
      this.element,
      h(
        "header",
        { class: "room-header" },
        iconButton("back", t("backToRooms"), onBack, { class: "icon-button back" }),
        h("div", { class: "room-title" }, h("h1", {}, room.name), this.#people),
        iconButton("invite", t("invite"), onInvite),
        iconButton("leave", t("leave"), onLeave),
      ),
      this.#messages.element,
      this.#typingLine,
      this.#composer.element,
      h("div", { class: "drop-hint", "aria-hidden": "true" }, t("dropHere")),
    );
    this.#composer.acceptDrops(this.element);
    this.#drawPeople();
    document.addEventListener("visibilitychange", this.#visible);
    void this.heartbeat();
  }

  /** The view is on the page now. */
  shown(): void {
    this.#messages?.toEnd();
    this.#composer?.focus();
  }

  receive(event: LiveEvent): void {
    this.#conversation?.receive(event);
  }

  /** The queue of outgoing messages, or the network, has changed. */
  redraw(): void {
    this.#messages?.update();
  }

  /** Say that somebody is here, and hear who else is. */
  async heartbeat(): Promise<void> {
    clearTimeout(this.#beat);
    if (this.#closed || document.visibilityState === "hidden") return;
    const { services, room } = this.#options;
    this.#beat = setTimeout(() => void this.heartbeat(), services.heartbeat());
    try {
      const presence = await services.api.presence(room.room, this.#typing.typing);
      if (this.#closed) return;
      this.#conversation?.present(presence);
      services.compareChannel(room.room, presence.channel);
    } catch {
      // The next beat tries again; the banner tells of a lost network.
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#beat);
    document.removeEventListener("visibilitychange", this.#visible);
    this.#typing.stop();
    clearTimeout(this.#beat);
    this.#conversation?.close();
    this.#messages?.close();
    this.#composer?.close();
    this.#options.services.api.absent(this.id).catch(() => undefined);
  }

  readonly #visible = (): void => {
    if (document.visibilityState === "hidden") return;
    void this.heartbeat();
    this.#read();
  };

  #changed(what: "messages" | "people" | "attachment", id?: string): void {
    if (what === "attachment" && id !== undefined) {
      this.#messages?.attachmentReady(id);
      return;
    }
    if (what === "people") {
      this.#drawPeople();
    } else {
      this.#settle();
      this.#announceNew();
    }
    this.#messages?.update();
  }

  /** What was seen in the room needs not be sent again, whatever became of the answer. */
  #settle(): void {
    const { outbox, me } = this.#options.services;
    for (const { author, client_message_id } of this.#conversation?.messages ?? []) {
      if (author === me && outbox.of(this.id).length > 0) outbox.settle(client_message_id);
    }
  }

  #announceNew(): void {
    const conversation = this.#conversation;
    if (conversation === undefined) return;
    const { me } = this.#options.services;
    for (const message of conversation.messages.slice(-5)) {
      const at = Date.parse(message.posted_at);
      if (message.author === me || message.clock <= this.#announced || at < this.#announced - 60_000) continue;
      this.#announced = message.clock;
      announce(t("saidBy", { name: this.#name(message.author), text: message.text }));
    }
  }

  #read(): void {
    const conversation = this.#conversation;
    if (conversation === undefined || document.visibilityState === "hidden") return;
    if (this.#messages?.atEnd !== false) this.#options.onRead(conversation.cursor);
  }

  #name(user: string): string {
    return this.#conversation?.member(user)?.name ?? t("somebody");
  }

  #drawPeople(): void {
    const conversation = this.#conversation;
    if (conversation === undefined) return;
    const { members } = conversation.room;
    const { me } = this.#options.services;
    const online = members.filter((member) => member.online || member.user === me).length;
    const count = members.length === 1 ? t("membersOne") : t("membersCount", { count: members.length });
    replace(
      this.#people,
      h("span", { class: "dot", "aria-hidden": "true" }),
      `${count} · ${t("onlineCount", { count: online })}`,
    );
    const typing = conversation.typing.filter((user) => user !== me).map((user) => this.#name(user));
    const [name = "", other = ""] = typing;
    const text =
      typing.length === 0
        ? ""
        : t(typing.length === 1 ? "typingOne" : typing.length === 2 ? "typingTwo" : "typingMany", { name, other });
    if (this.#typingLine.textContent !== text) this.#typingLine.textContent = text;
  }

  #showPeople(): void {
    const { me } = this.#options.services;
    const members = [...(this.#conversation?.room.members ?? [])].sort(
      (one, other) => Number(other.online) - Number(one.online) || (one.name ?? "").localeCompare(other.name ?? ""),
    );
    openDialog(t("members"), () => [
      h(
        "ul",
        { class: "member-list" },
        ...members.map((member) => {
          const name = member.name ?? t("somebody");
          const online = member.online || member.user === me;
          return h(
            "li",
            {},
            avatar(name, member.user, online ? "online" : ""),
            h("span", { class: "member-name" }, name, member.user === me ? ` (${t("you")})` : ""),
            h("span", { class: "member-state" }, t(online ? "online" : "away")),
          );
        }),
      ),
    ]);
  }
}
