/** The settings of notices, which the back end stores. */

import { computed, signal } from "@preact/signals";
import type { NoticeSettings } from "../core/model.ts";
import type { ChatApi } from "../net/api.ts";
import { ApiError } from "../net/requests.ts";
import { language } from "../text/i18n.ts";

export class NoticesStore {
  readonly settings = signal<NoticeSettings>({ mail: false, push: false, quiet_minutes: 15, language: "en" });
  /** `none`: this chat sends no notices. */
  readonly status = signal<"loading" | "ready" | "unavailable" | "none">("loading");
  readonly ready = computed(() => this.status.value === "ready");
  readonly #api: ChatApi;
  #stored: NoticeSettings | undefined;

  constructor(api: ChatApi) {
    this.#api = api;
    api.notices().then(
      (settings) => {
        this.#stored = settings;
        this.settings.value = settings;
        this.status.value = "ready";
      },
      (error: unknown) => {
        this.status.value = error instanceof ApiError && error.status === 404 ? "none" : "unavailable";
      },
    );
  }

  change(changes: Partial<NoticeSettings>): void {
    this.settings.value = { ...this.settings.value, ...changes };
  }

  async save(): Promise<void> {
    const stored = this.#stored;
    if (stored === undefined) return;
    // Mails are written in the language of the page.
    const { mail, push, quiet_minutes } = this.settings.value;
    const wanted: NoticeSettings = { mail, push, quiet_minutes, language: language.value };
    if (Object.entries(wanted).every(([key, value]) => stored[key as keyof NoticeSettings] === value)) return;
    await this.#api.setNotices(wanted);
    this.#stored = wanted;
  }
}
