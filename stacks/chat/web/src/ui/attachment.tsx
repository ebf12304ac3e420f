/** One attachment of a message: an image to open, or a file to download. */

import type { VNode } from "preact";
import type { Attachment } from "../core/model.ts";
import type { AttachmentStore } from "../state/attachment.ts";
import { formatSize, t } from "../text/i18n.ts";
import { Dialog, openDialog } from "./dialog.tsx";
import { Icon } from "./icons.tsx";

export function AttachmentView({ store }: { store: AttachmentStore }): VNode {
  return (
    <div class="attachment">
      <Content store={store} />
    </div>
  );
}

function Content({ store }: { store: AttachmentStore }): VNode {
  const state = store.state.value;
  switch (state.kind) {
    case "checking":
    case "unavailable":
      return (
        <p class="attachment-note">
          <Icon name="clock" />
          {t(state.kind === "checking" ? "checking" : "attachmentGone")}
        </p>
      );
    case "image":
      return (
        <button
          type="button"
          class="attachment-image"
          aria-label={t("openImage", { name: state.file.name })}
          data-variant={state.variant}
          onClick={() => void openFile(store)}
        >
          <img
            alt={state.file.name}
            decoding="async"
            src={state.source}
            onError={() => store.displayFailed(state.file)}
          />
        </button>
      );
    case "file":
      return (
        <button type="button" class="attachment-file" onClick={() => void openFile(store)}>
          <Icon name="file" />
          <span class="visually-hidden">{t("download")}</span>
          <span class="attachment-name">{state.file.name}</span>
          <span class="attachment-size">{formatSize(state.file.size)}</span>
        </button>
      );
  }
}

type Source = Pick<AttachmentStore, "current">;

/** Show an image, or download another file. */
export async function openFile(source: Source): Promise<void> {
  const file = await source.current();
  if (file === undefined) return;
  if (file.content_type.startsWith("image/")) openDialog((close) => <Lightbox file={file} close={close} />);
  else download(file);
}

function Lightbox({ file, close }: { file: Attachment & { href: string }; close: () => void }): VNode {
  return (
    <Dialog title={file.name} class="lightbox" close={close}>
      <img class="lightbox-image" alt={file.name} src={file.href} />
      <p class="lightbox-actions">
        <a class="button" href={file.href} download={file.name} target="_blank" rel="noopener noreferrer">
          <Icon name="down" />
          {t("download")} ({formatSize(file.size)})
        </a>
      </p>
    </Dialog>
  );
}

function download(file: Attachment & { href: string }): void {
  const link = document.createElement("a");
  Object.assign(link, { href: file.href, download: file.name, target: "_blank", rel: "noopener noreferrer" });
  link.click();
}
