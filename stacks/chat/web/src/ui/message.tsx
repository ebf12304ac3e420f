/** The rows of a conversation: messages, messages that wait to be sent, and what is between them. */

import type { VNode } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Shown } from "../core/changes.ts";
import type { Row } from "../core/layout.ts";
import type { OutgoingMessage } from "../core/outbox.ts";
import type { RoomStore } from "../state/room.ts";
import { formatDay, formatMoment, formatTime, t } from "../text/i18n.ts";
import { AttachmentView } from "./attachment.tsx";
import { Avatar } from "./avatar.tsx";
import { Icon } from "./icons.tsx";
import { Linked } from "./linked.tsx";
import { onMessageKey } from "./message-keys.ts";
import { MessageMenu } from "./message-menu.tsx";
import { ChangeState, EditForm, Quote, Reactions, RetryOrDiscard, Waits } from "./message-parts.tsx";
import { useIs } from "./use-is.ts";

interface MessageProps {
  message: Shown | OutgoingMessage;
  mine: boolean;
  /** Whether it is the first of a group of messages of one author. */
  leads: boolean;
  room: RoomStore;
}

export function RowView({ row, room }: { row: Row; room: RoomStore }): VNode {
  switch (row.kind) {
    case "start":
      return <li class="start">{t("historyStart", { room: room.name })}</li>;
    case "day":
      return (
        <li class="day">
          <h2>{formatDay(row.date)}</h2>
        </li>
      );
    case "new":
      return (
        <li class="new">
          <span>{t("newMessages")}</span>
        </li>
      );
    case "gap":
      return (
        <li class="gap">
          <button
            type="button"
            class="button small"
            aria-busy={room.browsing.loading.value}
            onClick={() => void room.browsing.fillGap()}
          >
            {t("gap")}
          </button>
        </li>
      );
    case "message":
      return <MessageRow message={row.message} mine={row.mine} leads={row.leads} room={room} />;
    case "outgoing":
      return <MessageRow message={row.outgoing} mine={true} leads={row.leads} room={room} />;
  }
}

/** Renders a message again only when one of its properties changes: a conversation may have hundreds of them. */
function MessageRow({ message, mine, leads, room }: MessageProps): VNode {
  return useMemo(
    () => <MessageView message={message} mine={mine} leads={leads} room={room} />,
    [message, mine, leads, room],
  );
}

/** A stored message keeps the elements, and so the loaded images, that it had while it waited to be sent. */
function MessageView({ message, mine, leads, room }: MessageProps): VNode {
  const { changes, services } = room;
  const stored = "id" in message ? message : undefined;
  const outgoing = "id" in message ? undefined : message;
  const element = useRef<HTMLLIElement>(null);
  const id = stored?.id;
  const reached = useIs(changes.reached, id);
  const editing = useIs(changes.editing, id);
  const marked = useIs(changes.marked, id);
  useEffect(() => {
    if (!marked) return;
    element.current?.scrollIntoView({ block: "center" });
    element.current?.focus({ preventScroll: true });
  }, [marked]);
  const author = stored?.author ?? services.me;
  const state = outgoing && `outgoing ${outgoing.refused === undefined ? "" : "failed"}`;
  const deleted = stored?.deleted !== undefined;
  return (
    <li
      ref={element}
      class={`message ${mine ? "mine" : "other"} ${leads ? "leads" : "follows"} ${state ?? ""} ${marked ? "marked" : ""}`}
      data-id={id}
      tabIndex={stored && (reached ? 0 : -1)}
      onFocusIn={() => {
        changes.focused.value = id;
        if (!marked) changes.marked.value = undefined;
      }}
      onKeyDown={(event) => stored && onMessageKey(event, stored, room)}
    >
      {leads && !mine && <Avatar name={room.nameOf(author)} id={author} />}
      <div class="message-body">
        <p class={leads ? "message-author" : "visually-hidden"}>{mine ? t("you") : room.nameOf(author)}</p>
        <div class={`bubble ${deleted ? "deleted" : ""}`}>
          {message.answers !== undefined && !deleted && <Quote id={message.answers} room={room} reached={reached} />}
          {stored && editing && !deleted ? (
            <EditForm message={stored} room={room} />
          ) : (
            <p class="message-text">{deleted ? t("messageDeleted") : <Linked text={message.text} />}</p>
          )}
          {message.attachments.map((file) => (
            <AttachmentView key={file} store={room.attachment(file)} />
          ))}
        </div>
        {stored && <Reactions message={stored} room={room} reached={reached} />}
      </div>
      {stored && !deleted && <MessageMenu message={stored} room={room} reached={reached} />}
      <p class="message-meta">
        {stored && <Time posted={stored.posted_at} />}
        {stored && <ChangeState message={stored} room={room} />}
        {outgoing && <OutgoingState outgoing={outgoing} room={room} />}
      </p>
    </li>
  );
}

function Time({ posted }: { posted: string }): VNode {
  const date = new Date(posted);
  return (
    <time dateTime={posted} title={formatMoment(date)}>
      {formatTime(date)}
    </time>
  );
}

interface OutgoingProps {
  outgoing: OutgoingMessage;
  room: RoomStore;
}

function OutgoingState({ outgoing: { client_message_id: id, refused, waits }, room }: OutgoingProps): VNode {
  const { online, outbox } = room.services;
  if (refused === undefined) {
    return <Waits waits={waits} online={online.value} />;
  }
  return (
    <>
      <Icon name="alert" />
      {t("refused", { reason: refused })}
      <RetryOrDiscard id={id} queue={outbox} />
    </>
  );
}
