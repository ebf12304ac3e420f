/** The state of one attachment of a message. Its address is requested when it is needed. */

import { type ReadonlySignal, signal } from "@preact/signals";
import { delayAfter, sleep } from "../core/backoff.ts";
import type { Attachment } from "../core/model.ts";
import { ApiError } from "../net/requests.ts";
import type { Services } from "./services.ts";

export type AttachmentState =
  | { kind: "checking" | "unavailable" }
  | { kind: "file"; file: Attachment }
  | { kind: "image"; file: Attachment; source: string; variant: "original" | "thumbnail" };

/** The bytes are checked after the upload, so it may take a moment until an attachment is available. */
const TRIES = 12;
const RETRY = { base: 500, cap: 8_000 };

/** One file, to be opened. */
export class AttachmentFile {
  readonly #services: Services;
  readonly #room: string;
  readonly #id: string;

  constructor(services: Services, room: string, id: string) {
    this.#services = services;
    this.#room = room;
    this.#id = id;
  }

  /** A signed address is valid for five minutes, so each use requests a new one. */
  async current(): Promise<(Attachment & { href: string }) | undefined> {
    const { api, address } = this.#services;
    const file = await api.attachment(this.#room, this.#id).catch(() => undefined);
    return file && { ...file, href: address(file.url) };
  }
}

export class AttachmentStore {
  readonly #services: Services;
  readonly #room: string;
  readonly #id: string;
  readonly #state = signal<AttachmentState>({ kind: "checking" });
  #file: Attachment | undefined;
  #wake = new AbortController();
  #closed = false;

  constructor(services: Services, room: string, id: string) {
    this.#services = services;
    this.#room = room;
    this.#id = id;
    void this.#load();
  }

  get state(): ReadonlySignal<AttachmentState> {
    return this.#state;
  }

  /** The back end has reported that the file, or its thumbnail, is ready. */
  refresh(): void {
    this.#wake.abort();
    if (this.#file !== undefined) void this.#show(this.#file);
  }

  /** The browser cannot display the image: offer it as a file. */
  displayFailed(file: Attachment): void {
    this.#state.value = { kind: "file", file };
  }

  current(): Promise<(Attachment & { href: string }) | undefined> {
    return new AttachmentFile(this.#services, this.#room, this.#id).current();
  }

  close(): void {
    this.#closed = true;
    this.#wake.abort();
  }

  async #load(): Promise<void> {
    for (let failures = 1; failures <= TRIES && !this.#closed; failures += 1) {
      try {
        this.#file = await this.#services.api.attachment(this.#room, this.#id);
        await this.#show(this.#file);
        return;
      } catch (error) {
        const refused = error instanceof ApiError && ![404, 429].includes(error.status) && error.status < 500;
        if (refused) break;
        const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
        this.#wake = new AbortController();
        await sleep(asked + 250 + delayAfter(failures, RETRY), this.#wake.signal);
      }
    }
    this.#state.value = { kind: "unavailable" };
  }

  async #show(file: Attachment): Promise<void> {
    if (!file.content_type.startsWith("image/")) {
      this.#state.value = { kind: "file", file };
      return;
    }
    const { api, address } = this.#services;
    const small = await api.attachment(this.#room, this.#id, "thumbnail").catch(() => undefined);
    this.#state.value = {
      kind: "image",
      file,
      source: address((small ?? file).url),
      variant: small === undefined ? "original" : "thumbnail",
    };
  }
}

/** The attachments of an open room, each with one state however often it is shown. */
export class AttachmentStores {
  readonly #services: Services;
  readonly #room: string;
  readonly #stores = new Map<string, AttachmentStore>();

  constructor(services: Services, room: string) {
    this.#services = services;
    this.#room = room;
  }

  of(id: string): AttachmentStore {
    const store = this.#stores.get(id) ?? new AttachmentStore(this.#services, this.#room, id);
    this.#stores.set(id, store);
    return store;
  }

  refresh(id: string): void {
    this.#stores.get(id)?.refresh();
  }

  close(): void {
    for (const store of this.#stores.values()) store.close();
  }
}
