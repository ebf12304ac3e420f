/** The page of somebody who is signed in: the rooms on the left, one of them open on the right. */

import type { Account } from "../core/account.ts";
import { type Api, type Configuration, reachable } from "../core/config.ts";
import { inviteLink, parseInvite } from "../core/invite.ts";
import { Live, type LiveState } from "../core/live.ts";
import type { LiveEvent, Room, RoomSummary } from "../core/model.ts";
import { Outbox } from "../core/outbox.ts";
import { Regions } from "../core/regions.ts";
import { ApiError, ChatApi } from "../net/api.ts";
import { NAME_KEY } from "./auth.ts";
import { avatar, type Child, h, icon, iconButton, replace } from "./dom.ts";
import { announce, field, form, openDialog, toast } from "./feedback.ts";
import { t } from "./i18n.ts";
import { RoomView } from "./room.ts";
import { currentRoute, navigate, pathOf } from "./router.ts";
import type { Services } from "./services.ts";
import { openSettings } from "./settings.ts";

export interface WorkspaceOptions {
  configuration: Configuration;
  apis: Api[];
  account: Account;
  onSignOut: () => void;
  /** The language is another: everything is drawn anew. */
  onLanguage: () => void;
}

/** So many rooms beside the open one are followed live; the others are asked for with the list. */
const FOLLOWED = 20;
const LIST_EVERY = 60_000;
const READ_AFTER = 500;
/** A connection that comes back sooner than this was not worth a banner. */
const PATIENCE = 1_500;
const INVITE = "chat.invite.";

export class Workspace {
  readonly #options: WorkspaceOptions;
  readonly #services: Services;
  readonly #live: Live;
  readonly #me: string;
  readonly #shell = h("div", { class: "shell" });
  readonly #list = h("ul", { class: "room-list" });
  readonly #main = h("section", { class: "main", id: "main", tabindex: "-1", "aria-label": t("conversation") });
  readonly #banner = h("div", { class: "banner", role: "status", hidden: true });
  readonly #profile = h("div", { class: "profile" });
  readonly #active = new Map<string, number>();
  #rooms: RoomSummary[] = [];
  #loaded = false;
  #view: RoomView | undefined;
  /** Grows with each change of the route: what an older one was waiting for is not wanted any more. */
  #turn = 0;
  #name = "";
  #region = "";
  #listTimer: ReturnType<typeof setTimeout> | undefined;
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #bannerTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #marked = new Map<string, string>();
  #wasAway = false;

  constructor(options: WorkspaceOptions) {
    this.#options = options;
    const { account, apis, configuration } = options;
    this.#me = account.current?.user ?? "";
    const address = (url: string): string => reachable(url, configuration.local);
    const api = new ChatApi(new Regions(apis), account, (region) => toast(t("regionChanged", { region })));
    const outbox = new Outbox({
      user: this.#me,
      store: localStorage,
      send: (message) => api.send(message),
      onSent: (message) => {
        if (this.#view?.id === message.room) this.#view.conversation?.receiveMessage(message);
      },
      onChange: () => this.#view?.redraw(),
    });
    this.#live = new Live({
      session: () => this.#startSession(),
      channelOf: (room) => this.#channelOf(room),
      accessToken: () => account.accessToken(),
      address,
      onEvent: (room, event) => this.#receive(room, event),
      onState: (state) => this.#stateChanged(state),
      onFollowed: (room) => {
        if (this.#view?.id === room) void this.#view.conversation?.catchUp();
      },
      onRefused: (room) => this.#lost(room),
    });
    this.#services = {
      api,
      outbox,
      me: this.#me,
      address,
      isOnline: () => navigator.onLine && this.#live.state !== "waiting",
      heartbeat: () => (this.#live.session?.heartbeat_seconds ?? 60) * 1000,
      compareChannel: (room, channel) => this.#live.compare(room, channel),
    };
  }

  mount(root: Element): void {
    const nav = h(
      "nav",
      { class: "sidebar", "aria-label": t("rooms") },
      h(
        "header",
        { class: "sidebar-header" },
        h("h1", { class: "brand" }, h("span", { class: "brand-mark" }, icon("bubbles")), t("product")),
        iconButton("enter", t("joinRoom"), () => this.#askForInvite()),
        iconButton("plus", t("newRoom"), () => this.#askForRoom(), { class: "icon-button primary" }),
      ),
      this.#list,
      this.#profile,
    );
    replace(
      this.#shell,
      h("a", { class: "skip-link", href: "#main", onclick: (event) => this.#skip(event) }, t("skip")),
      this.#banner,
      h("main", { class: "panes" }, nav, this.#main),
    );
    replace(root, this.#shell);
    this.#drawProfile();
    this.#drawList();
    addEventListener("popstate", this.#routed);
    addEventListener("online", this.#online);
    addEventListener("offline", this.#offline);
    addEventListener("pagehide", this.#hidden);
    document.addEventListener("visibilitychange", this.#visible);
    this.#live.start();
    void this.#services.outbox.flush();
    void this.#refreshRooms();
    void this.#route();
    this.#drawBanner();
  }

  close(): void {
    this.#turn += 1;
    this.#view?.close();
    this.#view = undefined;
    this.#live.stop();
    this.#services.outbox.stop();
    clearTimeout(this.#listTimer);
    clearTimeout(this.#readTimer);
    clearTimeout(this.#bannerTimer);
    removeEventListener("popstate", this.#routed);
    removeEventListener("online", this.#online);
    removeEventListener("offline", this.#offline);
    removeEventListener("pagehide", this.#hidden);
    document.removeEventListener("visibilitychange", this.#visible);
  }

  // What the browser tells

  readonly #routed = (): void => void this.#route();

  readonly #online = (): void => {
    this.#live.retryNow();
    void this.#services.outbox.flush();
    void this.#view?.heartbeat();
    this.#drawBanner();
  };

  readonly #offline = (): void => {
    // The socket does not notice for minutes.
    this.#live.drop();
    this.#drawBanner();
    this.#view?.redraw();
  };

  readonly #hidden = (): void => {
    if (this.#view !== undefined) void this.#services.api.absent(this.#view.id).catch(() => undefined);
  };

  readonly #visible = (): void => {
    if (document.visibilityState === "visible") void this.#refreshRooms();
  };

  #skip(event: Event): void {
    event.preventDefault();
    const text = this.#main.querySelector<HTMLElement>("textarea");
    (text ?? this.#main).focus();
  }

  // The session and the live channel

  async #startSession(): ReturnType<ChatApi["session"]> {
    const given = localStorage.getItem(NAME_KEY);
    const session = await this.#services.api.session(given ?? undefined);
    if (given !== null) localStorage.removeItem(NAME_KEY);
    this.#region = session.region;
    this.#name = session.name ?? "";
    this.#drawProfile();
    if (!session.name) this.#askForName();
    else if (this.#view === undefined && currentRoute().room === undefined) this.#welcome();
    return session;
  }

  async #channelOf(room: string): Promise<string | undefined> {
    try {
      const now = await this.#services.api.room(room);
      if (this.#view?.id === room) this.#view.conversation?.update(now);
      return now.channel;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  #receive(room: string, event: LiveEvent): void {
    if (event.kind === "message") {
      this.#active.set(room, event.message.clock);
      const open = this.#view?.id === room;
      const summary = this.#rooms.find((one) => one.room === room);
      if (!open && summary !== undefined && event.message.author !== this.#me) {
        summary.unread += 1;
        announce(`${summary.name}: ${t("unread", { count: summary.unread })}`);
      }
      this.#drawList();
    }
    if (this.#view?.id === room) this.#view.receive(event);
  }

  #stateChanged(state: LiveState): void {
    if (state === "live") {
      void this.#services.outbox.flush();
      void this.#refreshRooms();
    }
    this.#drawBanner();
    this.#view?.redraw();
  }

  /** The user is not in a room any more: left on another device, or it never was his. */
  #lost(room: string): void {
    this.#rooms = this.#rooms.filter((one) => one.room !== room);
    this.#drawList();
    if (this.#view?.id === room) void this.#route(true);
  }

  #drawBanner(): void {
    clearTimeout(this.#bannerTimer);
    const offline = !navigator.onLine;
    const lost = this.#live.state === "waiting" || (this.#live.state === "connecting" && this.#wasAway);
    if (offline || lost) {
      const show = (): void => {
        this.#wasAway = true;
        const retry = h(
          "button",
          { type: "button", class: "link-button", onclick: () => this.#live.retryNow() },
          t("connectNow"),
        );
        replace(
          this.#banner,
          icon("offline"),
          h("span", {}, t(offline ? "offline" : "reconnecting")),
          offline ? null : retry,
        );
        this.#banner.hidden = false;
      };
      if (offline || this.#wasAway) show();
      else this.#bannerTimer = setTimeout(show, PATIENCE);
      return;
    }
    if (this.#live.state !== "live") return;
    this.#banner.hidden = true;
    if (this.#wasAway) toast(t("back"));
    this.#wasAway = false;
  }

  // Rooms

  async #refreshRooms(): Promise<void> {
    clearTimeout(this.#listTimer);
    this.#listTimer = setTimeout(() => {
      if (document.visibilityState === "visible") void this.#refreshRooms();
    }, LIST_EVERY);
    try {
      this.#rooms = await this.#services.api.rooms();
      this.#loaded = true;
    } catch {
      return;
    }
    const open = this.#view?.id;
    for (const one of this.#rooms) if (one.room === open) one.unread = 0;
    for (const { room } of this.#sorted().slice(0, FOLLOWED)) this.#live.follow(room);
    this.#drawList();
    if (open === undefined && currentRoute().room === undefined) this.#welcome();
  }

  #sorted(): RoomSummary[] {
    const activity = (one: RoomSummary): number => this.#active.get(one.room) ?? 0;
    return [...this.#rooms].sort((one, other) => activity(other) - activity(one) || one.name.localeCompare(other.name));
  }

  #drawList(): void {
    const open = currentRoute().room;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["room"] : undefined;
    const rooms = this.#sorted();
    replace(
      this.#list,
      ...rooms.map(({ room, name, unread }) => {
        const current = room === open;
        const count = current ? 0 : unread;
        return h(
          "li",
          {},
          h(
            "a",
            {
              href: pathOf(room),
              class: `room-link${count > 0 ? " unread" : ""}`,
              "data-room": room,
              "aria-current": current ? "page" : undefined,
              onclick: (event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                navigate(room);
              },
            },
            avatar(name, room, "square"),
            h("span", { class: "room-name" }, name),
            count > 0
              ? h(
                  "span",
                  { class: "badge" },
                  h("span", { "aria-hidden": "true" }, count > 99 ? t("unreadMany") : count),
                  h("span", { class: "visually-hidden" }, t("unread", { count })),
                )
              : null,
          ),
        );
      }),
      this.#loaded && rooms.length === 0
        ? h("li", { class: "no-rooms" }, h("strong", {}, t("noRooms")), h("p", {}, t("noRoomsHint")))
        : null,
    );
    if (focused !== undefined) this.#list.querySelector<HTMLElement>(`[data-room="${focused}"]`)?.focus();
    this.#drawTitle();
  }

  #drawTitle(): void {
    const open = currentRoute().room;
    const unread = this.#rooms.reduce((sum, one) => sum + (one.room === open ? 0 : one.unread), 0);
    const name = this.#view?.conversation?.room.name;
    const parts = [name, t("product")].filter((part) => part !== undefined);
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${parts.join(" – ")}`;
  }

  #drawProfile(): void {
    const name = this.#name || (this.#options.account.current?.email ?? "");
    replace(
      this.#profile,
      avatar(name, this.#me),
      h(
        "div",
        { class: "profile-text" },
        h("span", { class: "profile-name" }, name),
        this.#region ? h("span", { class: "profile-region" }, t("region", { region: this.#region })) : null,
      ),
      iconButton("gear", t("settings"), () => this.#openSettings()),
    );
  }

  #openSettings(): void {
    openSettings({
      api: this.#services.api,
      name: this.#name,
      email: this.#options.account.current?.email ?? "",
      onSaved: () => this.#options.onLanguage(),
      onSignOut: () => this.#options.onSignOut(),
    });
  }

  // Which page is shown

  async #route(anew = false): Promise<void> {
    const { room, inviteCode } = currentRoute();
    if (!anew && room !== undefined && room === this.#view?.id) return;
    this.#turn += 1;
    const turn = this.#turn;
    this.#view?.close();
    this.#view = undefined;
    this.#shell.dataset["pane"] = room === undefined ? "list" : "room";
    this.#drawList();
    if (room === undefined) {
      this.#welcome();
      return;
    }
    replace(this.#main, h("p", { class: "loading", role: "status" }, t("loading")));
    try {
      const found = await this.#services.api.room(room);
      if (turn === this.#turn) await this.#show(found, turn);
    } catch (error) {
      if (turn !== this.#turn) return;
      if (error instanceof ApiError && error.status < 500) this.#askToJoin(room, inviteCode);
      else this.#unavailable();
    }
  }

  async #show(room: Room, turn: number): Promise<void> {
    // A code in the address has done its work.
    if (location.hash !== "") history.replaceState(null, "", pathOf(room.room));
    const summary = this.#rooms.find((one) => one.room === room.room);
    const unread = summary?.unread ?? 0;
    const view = new RoomView({
      services: this.#services,
      room,
      unread,
      onInvite: () => this.#showInvite(room),
      onLeave: () => this.#askToLeave(room),
      onBack: () => navigate(undefined),
      onRead: (cursor) => this.#markRead(room.room, cursor),
    });
    this.#view = view;
    this.#live.follow(room.room);
    await view.open();
    if (turn !== this.#turn) return;
    if (summary !== undefined) summary.unread = 0;
    replace(this.#main, view.element);
    // Only on the page its parts know their sizes.
    view.shown();
    this.#drawList();
    // What came between reading and following.
    void view.conversation?.catchUp();
  }

  #markRead(room: string, cursor: string): void {
    const summary = this.#rooms.find((one) => one.room === room);
    if (summary !== undefined) summary.unread = 0;
    if (cursor === "" || this.#marked.get(room) === cursor) return;
    clearTimeout(this.#readTimer);
    this.#readTimer = setTimeout(() => {
      this.#services.api.read(room, cursor).then(
        () => this.#marked.set(room, cursor),
        () => undefined,
      );
    }, READ_AFTER);
  }

  #page(...children: Child[]): void {
    replace(this.#main, h("div", { class: "page" }, ...children));
  }

  #welcome(): void {
    const hint = this.#loaded && this.#rooms.length === 0 ? t("noRoomsHint") : t("welcomeHint");
    this.#page(
      h("span", { class: "page-icon" }, icon("bubbles")),
      h("h1", {}, t("welcome", { name: this.#name })),
      h("p", {}, hint),
      h(
        "div",
        { class: "page-actions" },
        h(
          "button",
          { type: "button", class: "button primary", onclick: () => this.#askForRoom() },
          icon("plus"),
          t("newRoom"),
        ),
        h(
          "button",
          { type: "button", class: "button", onclick: () => this.#askForInvite() },
          icon("enter"),
          t("joinRoom"),
        ),
      ),
    );
    this.#drawTitle();
  }

  #unavailable(): void {
    this.#page(
      h("span", { class: "page-icon" }, icon("offline")),
      h("h1", {}, t("errorUnavailable")),
      h("button", { type: "button", class: "button primary", onclick: () => void this.#route(true) }, t("retry")),
      this.#wayBack(),
    );
  }

  /** On a small screen the list of rooms is another page. */
  #wayBack(): HTMLElement {
    return h(
      "p",
      { class: "way-back" },
      h("button", { type: "button", class: "link-button", onclick: () => navigate(undefined) }, t("backToRooms")),
    );
  }

  /** Somebody who is not in the room learns nothing about it, not even whether it exists. */
  #askToJoin(room: string, inviteCode: string | undefined): void {
    const code = field({ label: t("inviteCode"), autocomplete: "off", maxlength: 64, value: inviteCode ?? "" });
    const submit = async (): Promise<void> => {
      const given = code.input.value.trim();
      code.fail(given === "" ? t("errorRequired") : undefined);
      if (given !== "") await this.#join(room, given);
    };
    const explain = (error: unknown): string =>
      error instanceof ApiError && error.status < 500 ? t("inviteWrong") : t("errorUnavailable");
    const invited = inviteCode !== undefined;
    const heading = h("h1", { tabindex: "-1" }, t(invited ? "invited" : "notOpen"));
    this.#page(
      h("span", { class: "page-icon" }, icon(invited ? "mail" : "lock")),
      heading,
      h("p", {}, t(invited ? "invitedHint" : "notOpenHint")),
      form(t("join"), submit, explain, invited ? null : code.root),
      this.#wayBack(),
    );
    heading.focus();
    document.title = `${t(invited ? "invited" : "notOpen")} – ${t("product")}`;
  }

  async #join(room: string, code: string): Promise<void> {
    // A room that was made a moment ago may not have reached this Region yet.
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#services.api.join(room, code);
        break;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404 || tries === 3) throw error;
        await new Promise((resolve) => setTimeout(resolve, 700));
      }
    }
    localStorage.setItem(INVITE + room, code);
    await this.#refreshRooms();
    if (currentRoute().room === room) await this.#route(true);
    else navigate(room);
  }

  // Dialogs

  #askForRoom(): void {
    openDialog(t("newRoom"), (dialog) => {
      const name = field({ label: t("roomName"), autocomplete: "off", maxlength: 80 });
      const submit = async (): Promise<void> => {
        const wanted = name.input.value.trim();
        name.fail(wanted === "" ? t("errorRequired") : undefined);
        if (wanted === "") return;
        const made = await this.#services.api.createRoom(wanted);
        localStorage.setItem(INVITE + made.room, made.invite_code);
        dialog.close();
        await this.#refreshRooms();
        navigate(made.room);
      };
      return [form(t("createRoom"), submit, () => t("errorUnavailable"), name.root)];
    });
  }

  #askForInvite(): void {
    openDialog(t("joinRoom"), (dialog) => {
      const link = field({
        label: t("inviteOrLink"),
        hint: t("inviteOrLinkHint"),
        autocomplete: "off",
        inputmode: "url",
      });
      const submit = async (): Promise<void> => {
        const invite = parseInvite(link.input.value);
        link.fail(invite === undefined ? t("inviteLinkWrong") : undefined);
        if (invite === undefined) return;
        await this.#join(invite.room, invite.code);
        dialog.close();
      };
      const explain = (error: unknown): string =>
        error instanceof ApiError && error.status < 500 ? t("inviteWrong") : t("errorUnavailable");
      return [form(t("join"), submit, explain, link.root)];
    });
  }

  #askForName(): void {
    openDialog(t("nameTitle"), (dialog) => {
      const name = field({
        label: t("displayName"),
        hint: t("displayNameHint"),
        autocomplete: "nickname",
        maxlength: 40,
      });
      const submit = async (): Promise<void> => {
        const wanted = name.input.value.trim();
        name.fail(wanted === "" ? t("errorRequired") : undefined);
        if (wanted === "") return;
        const session = await this.#services.api.session(wanted);
        this.#name = session.name ?? wanted;
        dialog.close();
        this.#drawProfile();
        if (currentRoute().room === undefined) this.#welcome();
      };
      return [form(t("nameSave"), submit, () => t("errorUnavailable"), name.root)];
    });
  }

  #showInvite({ room, name }: Room): void {
    const code = localStorage.getItem(INVITE + room);
    openDialog(t("invite"), () => {
      if (code === null) return [h("p", {}, t("inviteUnknown"))];
      const link = field({ label: t("inviteLink"), value: inviteLink(location.origin, { room, code }) });
      link.input.readOnly = true;
      const copied = h("span", { role: "status" });
      const copy = h(
        "button",
        {
          type: "button",
          class: "button primary",
          onclick: () => {
            link.input.select();
            navigator.clipboard.writeText(link.input.value).then(
              () => {
                copied.textContent = t("copied");
              },
              () => undefined,
            );
          },
        },
        t("copy"),
      );
      return [
        h("p", {}, t("inviteIntro", { room: name })),
        link.root,
        h("p", { class: "dialog-actions" }, copied, copy),
      ];
    });
  }

  #askToLeave({ room, name }: Room): void {
    openDialog(t("leaveSure", { room: name }), (dialog) => {
      const submit = async (): Promise<void> => {
        await this.#services.api.leave(room);
        dialog.close();
        this.#live.unfollow(room);
        localStorage.removeItem(INVITE + room);
        this.#rooms = this.#rooms.filter((one) => one.room !== room);
        navigate(undefined);
      };
      return [h("p", {}, t("leaveHint")), form(t("leave"), submit, () => t("errorUnavailable"))];
    });
  }
}
