/** Where messages are written and files are attached. */

import type { VNode } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { FILE_TYPES } from "../core/files.ts";
import type { AttachedFile, ComposerStore } from "../state/composer.ts";
import { formatSize, t } from "../text/i18n.ts";
import { Icon, IconButton } from "./icons.tsx";

interface ComposerProps {
  store: ComposerStore;
  /** The room's name. */
  room: string;
  /** The name of a user, for the message that is answered. */
  nameOf: (user: string) => string | undefined;
}

export function Composer({ store, room, nameOf }: ComposerProps): VNode {
  const id = useId();
  const text = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => adjustHeight(text.current));
  useLayoutEffect(() => text.current?.focus(), []);
  // With the same drawing as the quotation, so that no key typed after it is lost.
  const answered = store.answering.value;
  useLayoutEffect(() => {
    if (answered !== undefined) text.current?.focus();
  }, [answered]);
  const submit = (): void => {
    store.submit();
    text.current?.focus();
  };
  const attach = (files: FileList | null | undefined, event?: Event): void => {
    if (!files?.length) return;
    event?.preventDefault();
    store.attach(files);
    text.current?.focus();
  };
  return (
    <form
      class="composer"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Answering store={store} nameOf={nameOf} onCancelled={() => text.current?.focus()} />
      <ul class="attached">
        {store.attached.value.map((one) => (
          <AttachedView key={one} one={one} store={store} onRemoved={() => text.current?.focus()} />
        ))}
      </ul>
      <p class="composer-problem" role="alert">
        {store.excess.value > 0 && t("tooLong", { over: store.excess.value })}
      </p>
      <div class="composer-row">
        <IconButton icon="attach" label={t("attach")} onClick={() => picker.current?.click()} />
        <input
          ref={picker}
          type="file"
          class="visually-hidden"
          multiple
          tabIndex={-1}
          aria-hidden="true"
          accept={FILE_TYPES.join()}
          onChange={({ currentTarget }) => {
            attach(currentTarget.files);
            currentTarget.value = "";
          }}
        />
        <label for={id} class="visually-hidden">
          {t("write", { room })}
        </label>
        <textarea
          ref={text}
          id={id}
          rows={1}
          placeholder={t("writePlaceholder")}
          autocomplete="off"
          enterkeyhint="send"
          value={store.text.value}
          onInput={({ currentTarget }) => store.edit(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape" && !event.isComposing) store.answering.value = undefined;
            if (!isSend(event)) return;
            event.preventDefault();
            submit();
          }}
          onPaste={(event) => attach(event.clipboardData?.files, event)}
        />
        <button
          type="submit"
          class="send"
          aria-label={t("send")}
          title={t("send")}
          aria-busy={store.waiting.value}
          disabled={!store.canSend.value}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

interface AnsweringProps extends Omit<ComposerProps, "room"> {
  onCancelled: () => void;
}

/** The message that is answered with what is written now. */
function Answering({ store, nameOf, onCancelled }: AnsweringProps): VNode | null {
  const message = store.answering.value;
  if (message === undefined) return null;
  const name = nameOf(message.author);
  return (
    <div class="answering">
      <Icon name="answer" />
      <p>
        <strong>{name === undefined ? t("answeringYourself") : t("answering", { name })}</strong>
        <span>{message.text}</span>
      </p>
      <IconButton
        icon="close"
        label={t("cancelAnswer")}
        onClick={() => {
          store.answering.value = undefined;
          onCancelled();
        }}
      />
    </div>
  );
}

function AttachedView({ one, store, onRemoved }: AttachedProps): VNode {
  const { name, size } = one.file;
  return (
    <li>
      {one.preview === undefined ? <Icon name="file" /> : <img src={one.preview} alt="" />}
      <span class="attached-text">
        <span class="attached-name">{name}</span>
        {one.status.value === "uploading" && (
          <progress max={1} value={one.progress.value} aria-label={t("uploading", { name })} />
        )}
        {one.status.value === "uploaded" && (
          <span class="attached-state">
            <Icon name="check" />
            {formatSize(size)}
          </span>
        )}
        {one.status.value === "failed" && (
          <>
            <span class="attached-state failed" role="alert">
              {t("uploadFailed", { name })}
            </span>
            <button type="button" class="link-button" onClick={() => void store.upload(one)}>
              {t("retry")}
            </button>
          </>
        )}
      </span>
      <IconButton
        icon="close"
        label={t("removeFile", { name })}
        onClick={() => {
          store.remove(one);
          onRemoved();
        }}
      />
    </li>
  );
}

interface AttachedProps {
  one: AttachedFile;
  store: ComposerStore;
  onRemoved: () => void;
}

/** Enter also ends a Japanese conversion, and then sends nothing. */
function isSend(event: KeyboardEvent): boolean {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

/** Make the field as high as its text; `field-sizing` is not in all browsers yet. */
function adjustHeight(field: HTMLTextAreaElement | null): void {
  if (field === null) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
