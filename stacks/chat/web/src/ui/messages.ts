/** The conversation as a list that scrolls: keeps its place, keeps its rows, grows upwards. */

import type { Conversation } from "../core/conversation.ts";
import { layout, type Row } from "../core/layout.ts";
import type { Message } from "../core/model.ts";
import type { Outbox, OutgoingMessage } from "../core/outbox.ts";
import type { ChatApi } from "../net/api.ts";
import { AttachmentView } from "./attachment.ts";
import { avatar, type Child, h, icon, linked, replace } from "./dom.ts";
import { formatDay, formatMoment, formatTime, t } from "./i18n.ts";

export interface MessagesOptions {
  me: string;
  api: ChatApi;
  outbox: Outbox;
  conversation: Conversation;
  /** Messages that were not read when the room was opened. */
  unread: number;
  address: (url: string) => string;
  isOnline: () => boolean;
  /** The newest messages are on the screen. */
  onRead: () => void;
}

interface Shown {
  signature: string;
  element: HTMLElement;
}

/** So close to the end the list follows new messages, in pixels. */
const NEAR = 80;

export class MessagesView {
  readonly element: HTMLElement;
  readonly #options: MessagesOptions;
  readonly #scroller: HTMLElement;
  readonly #list = h("ol", { class: "messages" });
  readonly #older: HTMLButtonElement;
  readonly #jump: HTMLButtonElement;
  readonly #shown = new Map<string, Shown>();
  readonly #attachments = new Map<string, AttachmentView>();
  readonly #observer: IntersectionObserver;
  readonly #resized: ResizeObserver;
  readonly #firstNew: string | undefined;
  #loading = false;
  #follows = true;
  /** Where the list stood when that was last looked at. */
  #top = 0;
  #missed = 0;
  #count = 0;

  constructor(options: MessagesOptions) {
    this.#options = options;
    const { conversation, unread, me } = options;
    this.#firstNew =
      unread > 0 ? conversation.messages.filter(({ author }) => author !== me).at(-unread)?.id : undefined;
    this.#older = h(
      "button",
      { type: "button", class: "button small older", onclick: () => void this.#loadOlder() },
      t("earlier"),
    );
    this.#jump = h("button", {
      type: "button",
      class: "button small jump",
      hidden: true,
      onclick: () => this.toEnd(true),
    });
    this.#scroller = h(
      "div",
      {
        class: "scroller",
        tabindex: "0",
        role: "region",
        "aria-label": t("history", { room: conversation.room.name }),
        onscroll: () => this.#scrolled(),
      },
      this.#older,
      this.#list,
    );
    this.element = h("div", { class: "history" }, this.#scroller, this.#jump);
    this.#observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) void this.#loadOlder();
      },
      { root: this.#scroller, rootMargin: "200px 0px 0px 0px" },
    );
    // Pictures arrive later than their messages, and the composer grows: the end stays in sight.
    this.#resized = new ResizeObserver(() => {
      if (this.#follows) this.#scrollToEnd();
    });
    this.#resized.observe(this.#list);
    this.#resized.observe(this.#scroller);
    this.update();
    requestAnimationFrame(() => {
      this.toEnd();
      this.#observer.observe(this.#older);
    });
  }

  get atEnd(): boolean {
    return this.#follows;
  }

  /** Draw what has changed. */
  update(): void {
    const { conversation, outbox, me } = this.#options;
    // Somebody has scrolled up and the browser has not told yet.
    if (this.#scroller.scrollTop < this.#top) this.#scrolled();
    const added = conversation.messages.length - this.#count;
    this.#count = conversation.messages.length;
    const rows = layout({
      me,
      messages: conversation.messages,
      outgoing: outbox.of(conversation.id),
      complete: !conversation.hasOlder,
      firstNew: this.#firstNew,
    });
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    this.#place(rows);
    this.#older.hidden = !conversation.hasOlder;
    if (this.#follows) {
      this.toEnd();
    } else if (this.#loading) {
      // What came in above must not move what is being read.
      this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
    } else if (added > 0) {
      this.#missed += added;
      this.#showJump();
    }
  }

  toEnd(focus = false): void {
    this.#scrollToEnd();
    this.#follows = true;
    this.#missed = 0;
    this.#jump.hidden = true;
    if (focus) this.#scroller.focus();
    this.#options.onRead();
  }

  attachmentReady(id: string): void {
    this.#attachments.get(id)?.refresh();
  }

  close(): void {
    this.#observer.disconnect();
    this.#resized.disconnect();
  }

  #scrollToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#top = scrollTop;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (atEnd === this.#follows) return;
    this.#follows = atEnd;
    if (atEnd) {
      this.#missed = 0;
      this.#jump.hidden = true;
      this.#options.onRead();
    } else {
      this.#showJump();
    }
  }

  #showJump(): void {
    this.#jump.hidden = false;
    const label = this.#missed > 0 ? t("jumpCount", { count: this.#missed }) : t("jump");
    replace(this.#jump, icon("down"), label);
  }

  async #loadOlder(): Promise<void> {
    const { conversation } = this.#options;
    if (this.#loading || !conversation.hasOlder) return;
    this.#loading = true;
    this.#older.setAttribute("aria-busy", "true");
    try {
      this.#follows = false;
      await conversation.older();
    } catch {
      // The button is still there.
    } finally {
      this.#loading = false;
      this.#older.removeAttribute("aria-busy");
      this.#scrolled();
    }
  }

  /** Put the rows into the list; a row that looks as before keeps its element, and so its pictures and its focus. */
  #place(rows: Row[]): void {
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, { element }] of this.#shown) {
      if (keys.has(key)) continue;
      element.remove();
      this.#shown.delete(key);
    }
    let before: Element | null = null;
    for (const row of rows) {
      const signature = this.#signature(row);
      let shown = this.#shown.get(row.key);
      if (shown?.signature !== signature) {
        const element = this.#build(row);
        shown?.element.replaceWith(element);
        shown = { signature, element };
        this.#shown.set(row.key, shown);
      }
      const wanted: Element | null = before === null ? this.#list.firstElementChild : before.nextElementSibling;
      if (wanted !== shown.element) this.#list.insertBefore(shown.element, wanted);
      before = shown.element;
    }
  }

  #signature(row: Row): string {
    switch (row.kind) {
      case "message":
        return JSON.stringify([row.leads, row.message.id, this.#name(row.message.author)]);
      case "outgoing":
        return JSON.stringify(["outgoing", row.leads, row.outgoing.refused, this.#options.isOnline()]);
      default:
        return row.kind;
    }
  }

  #build(row: Row): HTMLElement {
    switch (row.kind) {
      case "start":
        return h("li", { class: "start" }, t("historyStart", { room: this.#options.conversation.room.name }));
      case "day":
        return h("li", { class: "day" }, h("h2", {}, formatDay(row.date)));
      case "new":
        return h("li", { class: "new" }, h("span", {}, t("newMessages")));
      case "message":
        return this.#message(row.message, row.mine, row.leads);
      case "outgoing":
        return this.#outgoing(row.outgoing, row.leads);
    }
  }

  #name(author: string): string {
    return this.#options.conversation.member(author)?.name ?? t("somebody");
  }

  #message(message: Message, mine: boolean, leads: boolean): HTMLElement {
    const name = this.#name(message.author);
    const date = new Date(message.posted_at);
    const time = h("time", { datetime: message.posted_at, title: formatMoment(date) }, formatTime(date));
    return h(
      "li",
      { class: `message ${mine ? "mine" : "other"} ${leads ? "leads" : "follows"}`, "data-id": message.id },
      leads && !mine ? avatar(name, message.author) : null,
      h(
        "div",
        { class: "message-body" },
        h("p", { class: leads ? "message-author" : "visually-hidden" }, mine ? t("you") : name),
        this.#bubble(message.text, message.attachments),
      ),
      h("p", { class: "message-meta" }, time),
    );
  }

  #outgoing(outgoing: OutgoingMessage, leads: boolean): HTMLElement {
    const { outbox, isOnline } = this.#options;
    const id = outgoing.client_message_id;
    let state: Child[];
    if (outgoing.refused !== undefined) {
      state = [
        icon("alert"),
        t("refused", { reason: outgoing.refused }),
        h("button", { type: "button", class: "link-button", onclick: () => outbox.retry(id) }, t("retry")),
        h("button", { type: "button", class: "link-button", onclick: () => outbox.discard(id) }, t("discard")),
      ];
    } else {
      state = [icon("clock"), t(isOnline() ? "sending" : "queued")];
    }
    return h(
      "li",
      {
        class: `message mine outgoing ${outgoing.refused === undefined ? "" : "failed"} ${leads ? "leads" : "follows"}`,
      },
      h(
        "div",
        { class: "message-body" },
        h("p", { class: leads ? "message-author" : "visually-hidden" }, t("you")),
        this.#bubble(outgoing.text, outgoing.attachments),
      ),
      h("p", { class: "message-meta" }, ...state),
    );
  }

  #bubble(text: string, attachments: string[]): HTMLElement {
    return h(
      "div",
      { class: "bubble" },
      h("p", { class: "message-text" }, ...linked(text)),
      ...attachments.map((id) => this.#attachment(id).element),
    );
  }

  #attachment(id: string): AttachmentView {
    const { api, conversation, address } = this.#options;
    let view = this.#attachments.get(id);
    if (view === undefined) {
      view = new AttachmentView(api, conversation.id, id, address);
      this.#attachments.set(id, view);
    }
    return view;
  }
}
