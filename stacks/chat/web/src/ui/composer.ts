/** Where messages are written and files are attached. */

import { excess, fileProblem, MOST_FILES } from "../core/files.ts";
import type { ChatApi } from "../net/api.ts";
import { sendFile } from "../net/upload.ts";
import { h, icon, iconButton, replace, uniqueId } from "./dom.ts";
import { announce, toast } from "./feedback.ts";
import { formatSize, t } from "./i18n.ts";

interface Attached {
  file: File;
  /** Set when the upload is complete. */
  uploadId?: string;
  failed: boolean;
  cancel: AbortController;
  element: HTMLElement;
  preview: string | undefined;
}

export interface ComposerOptions {
  room: string;
  name: string;
  api: ChatApi;
  address: (url: string) => string;
  onSend: (text: string, attachments: string[]) => void;
  onKey: () => void;
  onStop: () => void;
}

const DRAFT = "chat.draft.";

export class Composer {
  readonly element: HTMLElement;
  readonly #options: ComposerOptions;
  readonly #text: HTMLTextAreaElement;
  readonly #files = h("ul", { class: "attached" });
  readonly #problem = h("p", { class: "composer-problem", role: "alert" });
  readonly #send: HTMLButtonElement;
  #attached: Attached[] = [];
  /** It was sent before all uploads were complete: it goes when they are. */
  #sendWhenUploaded = false;

  constructor(options: ComposerOptions) {
    this.#options = options;
    const id = uniqueId("composer");
    this.#text = h("textarea", {
      id,
      rows: 1,
      placeholder: t("writePlaceholder"),
      autocomplete: "off",
      enterkeyhint: "send",
      oninput: () => this.#edited(),
      onkeydown: (event) => this.#key(event),
      onpaste: (event) => this.#take(event.clipboardData?.files, event),
    });
    this.#text.value = sessionStorage.getItem(DRAFT + options.room) ?? "";
    const picker = h("input", {
      type: "file",
      class: "visually-hidden",
      multiple: true,
      tabindex: "-1",
      "aria-hidden": "true",
      accept: "image/jpeg,image/png,image/gif,image/webp,application/pdf",
      onchange: () => {
        this.#take(picker.files);
        picker.value = "";
      },
    });
    this.#send = h(
      "button",
      { type: "submit", class: "send", "aria-label": t("send"), title: t("send") },
      icon("send"),
    );
    this.element = h(
      "form",
      { class: "composer", novalidate: true },
      this.#files,
      this.#problem,
      h(
        "div",
        { class: "composer-row" },
        iconButton("clip", t("attach"), () => picker.click()),
        picker,
        h("label", { for: id, class: "visually-hidden" }, t("write", { room: options.name })),
        this.#text,
        this.#send,
      ),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#fit();
    this.#update();
  }

  focus(): void {
    this.#text.focus();
  }

  /** Make a part of the page take files that are dropped on it. */
  acceptDrops(area: HTMLElement): void {
    area.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      area.classList.add("dropping");
    });
    area.addEventListener("dragleave", (event) => {
      if (!area.contains(event.relatedTarget as Node | null)) area.classList.remove("dropping");
    });
    area.addEventListener("drop", (event) => {
      area.classList.remove("dropping");
      this.#take(event.dataTransfer?.files, event);
    });
  }

  close(): void {
    for (const one of this.#attached) this.#forget(one);
  }

  #key(event: KeyboardEvent): void {
    // Enter also ends the choice of a Japanese conversion, and then sends nothing.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#submit();
  }

  #edited(): void {
    const { room, onKey, onStop } = this.#options;
    sessionStorage.setItem(DRAFT + room, this.#text.value);
    if (this.#text.value.trim() === "") onStop();
    else onKey();
    this.#fit();
    this.#update();
  }

  #fit(): void {
    this.#text.style.height = "auto";
    // Before it is on the page its height is not known, and one row is right.
    if (this.#text.scrollHeight > 0) this.#text.style.height = `${this.#text.scrollHeight}px`;
  }

  #update(): void {
    const over = excess(this.#text.value.trim());
    this.#problem.textContent = over > 0 ? t("tooLong", { over }) : "";
    const empty = this.#text.value.trim() === "" && !this.#attached.some(({ failed }) => !failed);
    this.#send.disabled = empty || over > 0;
    this.#send.setAttribute("aria-busy", String(this.#sendWhenUploaded));
  }

  #submit(): void {
    if (this.#send.disabled) return;
    this.#sendWhenUploaded = this.#attached.some(({ uploadId, failed }) => uploadId === undefined && !failed);
    this.#update();
    if (this.#sendWhenUploaded) return;
    const ready = this.#attached.filter(({ uploadId }) => uploadId !== undefined);
    // A message always has a text; files without one are named by it.
    const text = this.#text.value.trim() || ready.map(({ file }) => file.name).join(", ");
    this.#options.onSend(
      text,
      ready.flatMap(({ uploadId }) => uploadId ?? []),
    );
    for (const one of ready) this.#forget(one);
    this.#text.value = "";
    sessionStorage.removeItem(DRAFT + this.#options.room);
    this.#options.onStop();
    this.#fit();
    this.#update();
    this.#text.focus();
  }

  #take(files: FileList | null | undefined, event?: Event): void {
    if (!files || files.length === 0) return;
    event?.preventDefault();
    for (const file of files) {
      const problem = fileProblem(file);
      if (problem !== undefined) toast(t(problem, { name: file.name }), "error");
      else if (this.#attached.length >= MOST_FILES) toast(t("tooManyFiles"), "error");
      else this.#attach(file);
    }
    this.#text.focus();
  }

  #attach(file: File): void {
    const one: Attached = {
      file,
      failed: false,
      cancel: new AbortController(),
      element: h("li", {}),
      preview: file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined,
    };
    this.#attached.push(one);
    this.#files.append(one.element);
    void this.#upload(one);
  }

  async #upload(one: Attached): Promise<void> {
    const { api, room, address } = this.#options;
    const { file } = one;
    one.failed = false;
    one.cancel = new AbortController();
    const progress = h("progress", { max: 1, value: 0, "aria-label": t("uploading", { name: file.name }) });
    this.#draw(one, progress);
    this.#update();
    try {
      const form = await api.upload(room, file.name, file.type, file.size);
      const show = (share: number): void => {
        progress.value = share;
      };
      await sendFile({ ...form, url: address(form.url) }, file, show, one.cancel.signal);
      one.uploadId = form.upload_id;
      this.#draw(one, h("span", { class: "attached-state" }, icon("check"), formatSize(file.size)));
      announce(t("uploaded", { name: file.name }));
    } catch {
      if (!this.#attached.includes(one)) return;
      one.failed = true;
      this.#sendWhenUploaded = false;
      const retry = h(
        "button",
        { type: "button", class: "link-button", onclick: () => void this.#upload(one) },
        t("retry"),
      );
      this.#draw(
        one,
        h("span", { class: "attached-state failed", role: "alert" }, t("uploadFailed", { name: file.name })),
        retry,
      );
    }
    this.#update();
    if (this.#sendWhenUploaded) this.#submit();
  }

  #draw(one: Attached, ...state: Node[]): void {
    const { file, preview } = one;
    replace(
      one.element,
      preview === undefined ? icon("file") : h("img", { src: preview, alt: "" }),
      h("span", { class: "attached-text" }, h("span", { class: "attached-name" }, file.name), ...state),
      iconButton("close", t("removeFile", { name: file.name }), () => {
        this.#forget(one);
        this.#update();
        this.#text.focus();
      }),
    );
  }

  #forget(one: Attached): void {
    this.#attached = this.#attached.filter((other) => other !== one);
    one.cancel.abort();
    if (one.preview !== undefined) URL.revokeObjectURL(one.preview);
    one.element.remove();
  }
}
