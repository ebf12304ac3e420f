/** Parts of a message: what it answers, its reactions, its new text while it is edited, and the state of a change. */

import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { reactionsOf, type Shown } from "../core/changes.ts";
import { excess } from "../core/files.ts";
import type { RoomStore } from "../state/room.ts";
import { formatMoment, t } from "../text/i18n.ts";
import { Icon } from "./icons.tsx";
import { focusMessage } from "./message-keys.ts";

interface PartProps {
  message: Shown;
  room: RoomStore;
  /** Whether the tab key reaches the message. */
  reached: boolean;
}

/** The message that is answered; a click goes there. */
export function Quote({ id, room, reached }: { id: string; room: RoomStore; reached: boolean }): VNode {
  const quoted = room.quoted(id);
  if (quoted === undefined) return <p class="quote">{t("answersToUnknown")}</p>;
  const name = quoted.author === room.services.me ? t("you") : room.nameOf(quoted.author);
  const text = quoted.deleted === undefined ? quoted.text : t("messageDeleted");
  return (
    <button type="button" class="quote" tabIndex={reached ? 0 : -1} onClick={() => void room.goTo(id)}>
      <span class="visually-hidden">{t("answersTo")}</span> <strong>{name}</strong> <span>{text}</span>
    </button>
  );
}

export function Reactions({ message, room, reached }: PartProps): VNode | null {
  const { me } = room.services;
  const counts = reactionsOf(message);
  if (counts.length === 0) return null;
  return (
    <ul class="reactions" aria-label={t("reactions")}>
      {counts.map(({ emoji, users }) => {
        const names = users.map((user) => (user === me ? t("you") : room.nameOf(user))).join(", ");
        const label = t("reactionOf", { emoji, count: users.length, names });
        return (
          <li key={emoji}>
            <button
              type="button"
              aria-label={label}
              title={label}
              aria-pressed={users.includes(me)}
              tabIndex={reached ? 0 : -1}
              onClick={() => room.changes.react(message, emoji)}
            >
              <span>{emoji}</span> {users.length}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** The text of a message in a field: Enter saves it, Escape leaves it as it was. */
export function EditForm({ message, room }: { message: Shown; room: RoomStore }): VNode {
  const { changes } = room;
  const field = useRef<HTMLTextAreaElement>(null);
  const text = useSignal(message.text);
  const over = excess(text.value.trim());
  useLayoutEffect(() => {
    field.current?.focus();
    const end = field.current?.value.length ?? 0;
    field.current?.setSelectionRange(end, end);
  }, []);
  const leave = (): void => {
    changes.editing.value = undefined;
    focusMessage(message.id);
  };
  const save = (): void => {
    if (over > 0) return;
    changes.edit(message, text.value);
    leave();
  };
  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <textarea
        ref={field}
        rows={3}
        aria-label={t("editLabel")}
        aria-invalid={over > 0}
        value={text.value}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.isComposing || event.keyCode === 229) return;
          if (event.key === "Escape") leave();
          else if (event.key === "Enter" && !event.shiftKey) save();
          else return;
          event.preventDefault();
        }}
      />
      <p role="alert">{over > 0 && t("tooLong", { over })}</p>
      <p class="edit-buttons">
        <span>{t("editHint")}</span>
        <button type="button" class="link-button" onClick={leave}>
          {t("cancel")}
        </button>
        <button type="submit" class="link-button">
          {t("save")}
        </button>
      </p>
    </form>
  );
}

/** What waits to be stored, and for how long when that is known. */
export function Waits({ waits, online }: { waits: number | undefined; online: boolean }): VNode {
  return (
    <>
      <Icon name="clock" />
      {waits === undefined ? t(online ? "sending" : "queued") : t("outgoingWaits", { seconds: waits })}
    </>
  );
}

interface RetryOrDiscardProps {
  id: string;
  queue: { retry(id: string): void; discard(id: string): void };
}

/** What can be done with something that was refused. */
export function RetryOrDiscard({ id, queue }: RetryOrDiscardProps): VNode {
  return (
    <>
      <button type="button" class="link-button" onClick={() => queue.retry(id)}>
        {t("retry")}
      </button>
      <button type="button" class="link-button" onClick={() => queue.discard(id)}>
        {t("discard")}
      </button>
    </>
  );
}

/** Whether a message was edited, and what becomes of a change that waits to be stored. */
export function ChangeState({ message, room }: { message: Shown; room: RoomStore }): VNode | null {
  const { changes, online } = room.services;
  const { edited, waiting } = message;
  if (waiting?.refused !== undefined) {
    const { client_change_id: id, refused: reason } = waiting;
    return (
      <span class="not-saved" role="alert">
        <Icon name="alert" />
        {t("notSaved", { reason })}
        <RetryOrDiscard id={id} queue={changes} />
      </span>
    );
  }
  if (waiting !== undefined) {
    return <Waits waits={waiting.waits} online={online.value} />;
  }
  return edited === undefined ? null : (
    <span title={t("editedAt", { moment: formatMoment(new Date(edited.at)) })}>{t("edited")}</span>
  );
}
