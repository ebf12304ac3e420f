/** One attachment of a message: a picture to open, or a file to download. Its address is asked for when it is needed. */

import { delayAfter, sleep } from "../core/backoff.ts";
import type { Attachment } from "../core/model.ts";
import { ApiError, type ChatApi } from "../net/api.ts";
import { h, icon, replace } from "./dom.ts";
import { openDialog } from "./feedback.ts";
import { formatSize, t } from "./i18n.ts";

/** The bytes are checked after the upload, so an attachment may take a moment to be there. */
const TRIES = 12;
const RETRY = { base: 500, cap: 8_000 };

export class AttachmentView {
  readonly element = h("div", { class: "attachment" });
  readonly #api: ChatApi;
  readonly #room: string;
  readonly #id: string;
  readonly #address: (url: string) => string;
  #file: Attachment | undefined;
  #wake = new AbortController();

  constructor(api: ChatApi, room: string, id: string, address: (url: string) => string) {
    this.#api = api;
    this.#room = room;
    this.#id = id;
    this.#address = address;
    this.#showNote(t("checking"));
    void this.#load();
  }

  /** The back end says that the file, or its small picture, is ready. */
  refresh(): void {
    this.#wake.abort();
    if (this.#file !== undefined) void this.#showImage(this.#file);
  }

  async #load(): Promise<void> {
    for (let failures = 1; failures <= TRIES; failures += 1) {
      try {
        this.#file = await this.#api.attachment(this.#room, this.#id);
        if (this.#file.content_type.startsWith("image/")) await this.#showImage(this.#file);
        else this.#showFile(this.#file);
        return;
      } catch (error) {
        if (error instanceof ApiError && error.status !== 404 && error.status < 500) break;
        this.#wake = new AbortController();
        await sleep(250 + delayAfter(failures, RETRY), this.#wake.signal);
      }
    }
    this.#showNote(t("attachmentGone"));
  }

  #showNote(text: string): void {
    replace(this.element, h("p", { class: "attachment-note" }, icon("clock"), text));
  }

  async #showImage(file: Attachment): Promise<void> {
    const small = await this.#api.attachment(this.#room, this.#id, "thumbnail").catch(() => undefined);
    const picture = h("img", { alt: file.name, decoding: "async", src: this.#address((small ?? file).url) });
    const button = h(
      "button",
      {
        type: "button",
        class: "attachment-image",
        "aria-label": t("openImage", { name: file.name }),
        "data-variant": small === undefined ? "original" : "thumbnail",
        onclick: () => void this.#open(),
      },
      picture,
    );
    picture.addEventListener("error", () => this.#showFile(file));
    replace(this.element, button);
  }

  #showFile(file: Attachment): void {
    const size = formatSize(file.size);
    const button = h(
      "button",
      {
        type: "button",
        class: "attachment-file",
        onclick: () => void this.#download(),
      },
      icon("file"),
      h("span", { class: "visually-hidden" }, t("download")),
      h("span", { class: "attachment-name" }, file.name),
      h("span", { class: "attachment-size" }, size),
    );
    replace(this.element, button);
  }

  /** Addresses are good for five minutes, so each use asks for one of its own. */
  async #open(): Promise<void> {
    const file = await this.#api.attachment(this.#room, this.#id).catch(() => undefined);
    if (file === undefined) return;
    openDialog(
      file.name,
      () => [
        h("img", { class: "lightbox-image", alt: file.name, src: this.#address(file.url) }),
        h("p", { class: "lightbox-actions" }, downloadLink(file, this.#address(file.url))),
      ],
      "lightbox",
    );
  }

  async #download(): Promise<void> {
    const file = await this.#api.attachment(this.#room, this.#id).catch(() => undefined);
    if (file !== undefined) downloadLink(file, this.#address(file.url)).click();
  }
}

function downloadLink(file: Attachment, url: string): HTMLAnchorElement {
  return h(
    "a",
    { class: "button", href: url, download: file.name, target: "_blank", rel: "noopener noreferrer" },
    icon("down"),
    t("download"),
    ` (${formatSize(file.size)})`,
  );
}
