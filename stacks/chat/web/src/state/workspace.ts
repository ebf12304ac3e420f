/** The state of a signed-in user: the connection, the rooms, the page that is shown, and the actions. */

import { type Signal, signal } from "@preact/signals";
import type { Account } from "../core/account.ts";
import { type Api, type Configuration, reachable, uploadAddress } from "../core/config.ts";
import { Kept } from "../core/kept.ts";
import { Live, type LiveState } from "../core/live.ts";
import type { LiveEvent, SessionInfo } from "../core/model.ts";
import { NEAREST, Regions } from "../core/regions.ts";
import { pushBrowser } from "../core/subscription.ts";
import { ChatApi } from "../net/api.ts";
import { MessagesApi } from "../net/messages.ts";
import { ApiError } from "../net/requests.ts";
import { t } from "../text/i18n.ts";
import { AttachmentFile } from "./attachment.ts";
import { ConnectionStore } from "./connection.ts";
import { toast } from "./feedback.ts";
import { forgetInviteCode, storeInviteCode } from "./invites.ts";
import { Navigation } from "./navigation.ts";
import { deleteAccount, joinRoom } from "./patience.ts";
import { chosenName, forgetName } from "./preferences.ts";
import { openClicked, PushStore } from "./push.ts";
import { Queues } from "./queues.ts";
import type { RoomStore } from "./room.ts";
import { RoomsStore } from "./rooms.ts";
import { currentRoute, navigate } from "./router.ts";
import type { Services } from "./services.ts";

export interface WorkspaceOptions {
  configuration: Configuration;
  apis: Api[];
  account: Account;
}

/** Live events are received for so many rooms; the unread counts of the others come with the list. */
const MAX_FOLLOWED = 20;

export class WorkspaceStore {
  readonly email: string;
  readonly services: Services;
  readonly connection = new ConnectionStore();
  readonly rooms: RoomsStore;
  readonly name: Signal<string>;
  /** The user has no name yet and must enter one. */
  readonly needsName = signal(false);
  /** The Region that answers. */
  readonly region = signal("");
  readonly navigation: Navigation;
  readonly push: PushStore;
  readonly #queues: Queues;
  readonly #live: Live;
  readonly #listeners = new AbortController();

  constructor({ configuration, apis, account }: WorkspaceOptions) {
    const me = account.current?.user ?? "";
    this.email = account.current?.email ?? "";
    const kept = new Kept(localStorage);
    this.name = signal(kept.name);
    const address = (url: string): string => reachable(url, configuration.local);
    const api = new ChatApi(new Regions(apis), account, (region) => {
      // Which Region the common name leads to, its session says.
      const named = region === NEAREST ? api.session().then((session) => session.region) : Promise.resolve(region);
      named.then(
        (region) => toast(t("regionChanged", { region })),
        () => undefined,
      );
    });
    const messages = new MessagesApi(api);
    const opened = (room?: string): RoomStore | undefined =>
      room === undefined ? this.navigation.opened() : this.navigation.opened(room);
    this.#queues = new Queues({ user: me, api, messages, opened });
    this.#live = new Live({
      session: () => this.#startSession(),
      channelOf: (room) => this.#channelOf(room),
      accessToken: () => account.accessToken(),
      address,
      onEvent: (room, event) => this.#receive(room, event),
      onState: (state) => this.#liveChanged(state),
      onFollowed: (room) => this.#followed(room),
      onRefused: (room) => this.#lost(room),
    });
    this.services = {
      api,
      messages,
      outbox: this.#queues.outbox,
      changes: this.#queues.changes,
      kept,
      me,
      address,
      uploadAddress: (url) => uploadAddress(url, configuration),
      online: this.connection.online,
      heartbeat: () => (this.#live.session?.heartbeat_seconds ?? 60) * 1000,
      typing: configuration.typing,
      compareChannel: (room, channel) => this.#live.compare(room, channel),
    };
    this.rooms = new RoomsStore({
      api,
      me,
      opened: () => this.navigation.opened()?.id,
      kept: () => kept.rooms(),
      onLoaded: (rooms) => {
        // Who signed out meanwhile leaves nothing behind.
        if (!this.#listeners.signal.aborted) kept.keepRooms(rooms);
        for (const { room } of this.rooms.sorted.value.slice(0, MAX_FOLLOWED)) this.#live.follow(room);
      },
    });
    this.push = new PushStore({ api, store: localStorage, browser: pushBrowser });
    this.navigation = new Navigation({
      services: this.services,
      rooms: this.rooms,
      follow: (room) => this.#live.follow(room),
      onGone: (room) => {
        this.#live.unfollow(room);
        this.#lost(room);
      },
    });
  }

  start(): void {
    const { signal: ended } = this.#listeners;
    const { api } = this.services;
    addEventListener("popstate", () => void this.navigation.show(), { signal: ended });
    addEventListener("online", () => this.#online(), { signal: ended });
    addEventListener("offline", () => this.#offline(), { signal: ended });
    const hidden = (): void => {
      const open = this.navigation.opened();
      if (open === undefined) return;
      open.keep();
      api.absent(open.id).catch(() => undefined);
    };
    addEventListener("pagehide", hidden, { signal: ended });
    openClicked(ended);
    const visible = (): void => {
      if (document.visibilityState === "visible") void this.rooms.refresh();
    };
    document.addEventListener("visibilitychange", visible, { signal: ended });
    this.#live.start();
    this.#queues.flush();
    void this.rooms.refresh();
    void this.navigation.show();
    this.connection.networkChanged();
  }

  close(): void {
    this.#listeners.abort();
    this.navigation.close();
    this.#live.stop();
    this.#queues.stop();
    this.rooms.close();
    this.connection.close();
  }

  connectNow(): void {
    this.#live.retryNow();
  }

  async setName(name: string): Promise<void> {
    const session = await this.services.api.session(name);
    this.name.value = session.name ?? name;
    this.needsName.value = false;
  }

  async createRoom(name: string): Promise<void> {
    const { room, invite_code } = await this.services.api.createRoom(name);
    // Who signed out meanwhile leaves nothing behind.
    if (this.#listeners.signal.aborted) return;
    storeInviteCode(room, invite_code);
    await this.rooms.refresh();
    navigate(room);
  }

  async join(room: string, code: string): Promise<void> {
    await joinRoom(this.services.api, room, code);
    if (this.#listeners.signal.aborted) return;
    storeInviteCode(room, code);
    await this.rooms.refresh();
    if (currentRoute().room === room) void this.navigation.show(true);
    else navigate(room);
  }

  async leave(room: string): Promise<void> {
    await this.services.api.leave(room);
    this.#live.unfollow(room);
    forgetInviteCode(room);
    this.services.kept.forgetRoom(room);
    this.rooms.forget(room);
    navigate(undefined);
  }

  /** A file of a room that is open or not. */
  fileOf(room: string, id: string): AttachmentFile {
    return new AttachmentFile(this.services, room, id);
  }

  /** Delete the account; what remains to be done is to sign out. */
  deleteAccount(): Promise<void> {
    return deleteAccount(this.services.api);
  }

  #online(): void {
    this.#live.retryNow();
    this.#queues.flush();
    void this.navigation.opened()?.heartbeat.beat();
    this.connection.networkChanged();
  }

  #offline(): void {
    // The WebSocket detects a lost network only after minutes.
    this.#live.drop();
    this.connection.networkChanged();
  }

  async #startSession(): Promise<SessionInfo> {
    const given = chosenName();
    const session = await this.services.api.session(given);
    if (given !== undefined) forgetName();
    this.region.value = session.region;
    this.name.value = session.name ?? "";
    if (!this.#listeners.signal.aborted) this.services.kept.keepName(this.name.value);
    this.needsName.value = !session.name;
    // The page works without it.
    if (this.push.state.value === "unavailable") this.push.begin(session.web_push_key ?? "").catch(() => undefined);
    return session;
  }

  async #channelOf(id: string): Promise<string | undefined> {
    try {
      const room = await this.services.api.room(id);
      this.navigation.opened(id)?.update(room);
      return room.channel;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Events are received from now on; what came before them is read, of rooms that are not open their count. */
  #followed(room: string): void {
    const open = this.navigation.opened(room);
    if (open === undefined) this.rooms.refreshSoon();
    else open.catchUp();
  }

  #receive(room: string, event: LiveEvent): void {
    if (event.kind === "message") this.rooms.received(event.message);
    this.navigation.opened(room)?.receive(event);
  }

  #liveChanged(state: LiveState): void {
    if (state === "live") {
      this.#queues.flush();
      this.rooms.refreshSoon();
    }
    this.connection.liveChanged(state);
  }

  /** The user is not a member of a room any more: was removed from it, or left it on another device. */
  #lost(room: string): void {
    const name = this.rooms.find(room)?.name;
    if (name !== undefined) toast(t("roomLost", { room: name }));
    forgetInviteCode(room);
    this.services.kept.forgetRoom(room);
    this.rooms.forget(room);
    if (this.navigation.opened(room) !== undefined) void this.navigation.show(true);
  }
}
