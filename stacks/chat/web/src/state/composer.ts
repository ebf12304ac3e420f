/** The state of the composer: the draft, the files that are attached to it, and their uploads. */

import { computed, type Signal, signal } from "@preact/signals";
import { excess, fileProblem, MOST_FILES } from "../core/files.ts";
import type { Message } from "../core/model.ts";
import { ApiError } from "../net/requests.ts";
import { sendFile } from "../net/upload.ts";
import { t } from "../text/i18n.ts";
import { announce, toast } from "./feedback.ts";
import { explain } from "./problems.ts";
import type { Services } from "./services.ts";

export interface AttachedFile {
  file: File;
  /** Object URL of an image. */
  preview: string | undefined;
  status: Signal<"uploading" | "uploaded" | "failed">;
  /** Between 0 and 1. */
  progress: Signal<number>;
  /** Set when the upload is complete. */
  uploadId?: string;
  cancel: AbortController;
}

export interface ComposerOptions {
  services: Services;
  room: string;
  onSend: (text: string, attachments: string[], answers: string | undefined) => void;
  /** A key was pressed. */
  onKey: () => void;
  /** The text was sent or deleted. */
  onStop: () => void;
}

export class ComposerStore {
  readonly #options: ComposerOptions;
  readonly #draft: string;
  readonly text: Signal<string>;
  /** The message that is answered. */
  readonly answering = signal<Message | undefined>();
  readonly attached = signal<readonly AttachedFile[]>([]);
  /** Send was pressed before all uploads were complete: the message is sent when they are. */
  readonly waiting = signal(false);
  readonly excess = computed(() => excess(this.text.value.trim()));
  readonly canSend = computed(() => {
    const hasFile = this.attached.value.some(({ status }) => status.value !== "failed");
    return this.excess.value === 0 && (this.text.value.trim() !== "" || hasFile);
  });

  constructor(options: ComposerOptions) {
    this.#options = options;
    this.#draft = `chat.draft.${options.services.me}.${options.room}`;
    this.text = signal(sessionStorage.getItem(this.#draft) ?? "");
  }

  edit(text: string): void {
    this.text.value = text;
    sessionStorage.setItem(this.#draft, text);
    if (text.trim() === "") this.#options.onStop();
    else this.#options.onKey();
  }

  submit(): void {
    if (!this.canSend.value) return;
    const attached = this.attached.value;
    this.waiting.value = attached.some(({ status }) => status.value === "uploading");
    if (this.waiting.value) return;
    const ready = attached.filter(({ uploadId }) => uploadId !== undefined);
    // The API requires a text; a message that has only files gets their names.
    const text = this.text.value.trim() || ready.map(({ file }) => file.name).join(", ");
    this.#options.onSend(
      text,
      ready.flatMap(({ uploadId }) => uploadId ?? []),
      this.answering.value?.id,
    );
    this.answering.value = undefined;
    for (const one of ready) this.remove(one);
    this.text.value = "";
    sessionStorage.removeItem(this.#draft);
    this.#options.onStop();
  }

  attach(files: Iterable<File>): void {
    for (const file of files) {
      const problem = fileProblem(file);
      if (problem !== undefined) toast(t(problem, { name: file.name }), "error");
      else if (this.attached.value.length >= MOST_FILES) toast(t("tooManyFiles"), "error");
      else this.#attach(file);
    }
  }

  async upload(one: AttachedFile): Promise<void> {
    const { services, room } = this.#options;
    const { file } = one;
    one.status.value = "uploading";
    one.progress.value = 0;
    one.cancel = new AbortController();
    try {
      const form = await services.api.upload(room, file.name, file.type, file.size);
      const report = (share: number): void => {
        one.progress.value = share;
      };
      await sendFile({ ...form, url: services.uploadAddress(form.url) }, file, report, one.cancel.signal);
      one.uploadId = form.upload_id;
      one.status.value = "uploaded";
      announce(t("uploaded", { name: file.name }));
    } catch (error) {
      if (!this.attached.value.includes(one)) return;
      if (error instanceof ApiError && error.retryAfter !== undefined) toast(explain(error), "error");
      one.status.value = "failed";
      this.waiting.value = false;
    }
    if (this.waiting.value) this.submit();
  }

  remove(one: AttachedFile): void {
    this.attached.value = this.attached.value.filter((other) => other !== one);
    one.cancel.abort();
    if (one.preview !== undefined) URL.revokeObjectURL(one.preview);
  }

  close(): void {
    for (const one of this.attached.value) this.remove(one);
  }

  #attach(file: File): void {
    const one: AttachedFile = {
      file,
      preview: file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined,
      status: signal("uploading"),
      progress: signal(0),
      cancel: new AbortController(),
    };
    this.attached.value = [...this.attached.value, one];
    void this.upload(one);
  }
}
