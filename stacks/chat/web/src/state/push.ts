/** Whether this browser is notified while the page is closed. The browser asks the user after a click, never by itself. */

import { computed, signal } from "@preact/signals";
import { isOpenRoom } from "../core/pushed.ts";
import type { Store } from "../core/storage.ts";
import { isFor, type PushBrowser, type Subscription } from "../core/subscription.ts";
import type { ChatApi } from "../net/api.ts";
import { navigate } from "./router.ts";

export interface PushOptions {
  api: Pick<ChatApi, "notices" | "setNotices" | "addBrowser" | "removeDevice">;
  store: Store;
  /** Resolves to undefined in a browser without Web Push. */
  browser: () => Promise<PushBrowser | undefined>;
}

/** Open the rooms whose notifications are clicked, until this page is done. */
export function openClicked(signal: AbortSignal): void {
  const clicked = ({ data }: MessageEvent): void => {
    if (isOpenRoom(data)) navigate(data.room || undefined);
  };
  navigator.serviceWorker?.addEventListener("message", clicked, { signal });
}

/** Which subscription is registered, under which id. */
const REGISTERED = "chat.push";
const DISMISSED = "chat.push.dismissed";

export class PushStore {
  /** `blocked`: the user has refused, and only the browser's own settings change that. */
  readonly state = signal<"unavailable" | "off" | "on" | "blocked">("unavailable");
  readonly #dismissed = signal(false);
  /** Whether the page offers to switch it on. */
  readonly offered = computed(() => this.state.value === "off" && !this.#dismissed.value);
  readonly #options: PushOptions;
  #browser: PushBrowser | undefined;
  #key = "";

  constructor(options: PushOptions) {
    this.#options = options;
    this.#dismissed.value = options.store.getItem(DISMISSED) !== null;
  }

  /** @param key the public key of the back end; empty when it has no Web Push */
  async begin(key: string): Promise<void> {
    this.#browser = key === "" ? undefined : await this.#options.browser();
    this.#key = key;
    if (this.#browser === undefined) return;
    const { permission } = this.#browser;
    if (permission === "granted" && (await this.#browser.subscription()) !== null) await this.#register();
    else this.state.value = permission === "denied" ? "blocked" : "off";
  }

  dismiss(): void {
    this.#options.store.setItem(DISMISSED, "yes");
    this.#dismissed.value = true;
  }

  /** Only from a click. */
  async enable(): Promise<void> {
    const browser = this.#browser;
    if (browser === undefined) return;
    const permission = await browser.ask();
    if (permission !== "granted") {
      this.state.value = permission === "denied" ? "blocked" : "off";
      return;
    }
    await this.#register();
    const { mail, push, quiet_minutes, language } = await this.#options.api.notices();
    if (!push) await this.#options.api.setNotices({ mail, push: true, quiet_minutes, language });
  }

  async disable(): Promise<void> {
    const { api, store } = this.#options;
    const [device] = this.#registered();
    await (await this.#browser?.subscription())?.unsubscribe();
    store.removeItem(REGISTERED);
    this.state.value = "off";
    // Without it the back end learns from the push service that the subscription has ended.
    if (device !== undefined) await api.removeDevice(device).catch(() => undefined);
  }

  /** Let the back end know this browser, once for each subscription. */
  async #register(): Promise<void> {
    const { api, store } = this.#options;
    const subscription = await this.#subscribe();
    const [, endpoint] = this.#registered();
    if (subscription === undefined) return;
    if (endpoint !== subscription.endpoint) {
      const { device } = await api.addBrowser(subscription.toJSON());
      store.setItem(REGISTERED, JSON.stringify([device, subscription.endpoint]));
    }
    this.state.value = "on";
  }

  /** The subscription to the key: browsers keep one, which may be to another key. */
  async #subscribe(): Promise<Subscription | undefined> {
    const existing = await this.#browser?.subscription();
    if (existing && isFor(existing, this.#key)) return existing;
    await existing?.unsubscribe();
    return this.#browser?.subscribe(this.#key);
  }

  #registered(): [string, string] | [] {
    try {
      return JSON.parse(this.#options.store.getItem(REGISTERED) ?? "[]") as [string, string] | [];
    } catch {
      return [];
    }
  }
}
