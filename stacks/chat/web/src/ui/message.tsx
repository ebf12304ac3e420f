/** The rows of a conversation: messages, messages that wait to be sent, and what is between them. */

import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import type { Row } from "../core/layout.ts";
import type { Message } from "../core/model.ts";
import type { OutgoingMessage } from "../core/outbox.ts";
import type { RoomStore } from "../state/room.ts";
import { formatDay, formatMoment, formatTime, t } from "../text/i18n.ts";
import { AttachmentView } from "./attachment.tsx";
import { Avatar } from "./avatar.tsx";
import { Icon } from "./icons.tsx";
import { Linked } from "./linked.tsx";

interface MessageProps {
  message: Message | OutgoingMessage;
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
  const stored = "id" in message ? message : undefined;
  const outgoing = "id" in message ? undefined : message;
  const author = stored?.author ?? room.services.me;
  const state = outgoing && `outgoing ${outgoing.refused === undefined ? "" : "failed"}`;
  return (
    <li class={`message ${mine ? "mine" : "other"} ${leads ? "leads" : "follows"} ${state ?? ""}`} data-id={stored?.id}>
      {leads && !mine && <Avatar name={room.nameOf(author)} id={author} />}
      <div class="message-body">
        <p class={leads ? "message-author" : "visually-hidden"}>{mine ? t("you") : room.nameOf(author)}</p>
        <div class="bubble">
          <p class="message-text">
            <Linked text={message.text} />
          </p>
          {message.attachments.map((id) => (
            <AttachmentView key={id} store={room.attachment(id)} />
          ))}
        </div>
      </div>
      <p class="message-meta">
        {stored && <Time posted={stored.posted_at} />}
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
    return (
      <>
        <Icon name="clock" />
        {waits === undefined ? t(online.value ? "sending" : "queued") : t("outgoingWaits", { seconds: waits })}
      </>
    );
  }
  return (
    <>
      <Icon name="alert" />
      {t("refused", { reason: refused })}
      <button type="button" class="link-button" onClick={() => outbox.retry(id)}>
        {t("retry")}
      </button>
      <button type="button" class="link-button" onClick={() => outbox.discard(id)}>
        {t("discard")}
      </button>
    </>
  );
}
