/** The rows of a conversation: messages, those that wait to be sent, and what stands between them. */

import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import type { Row } from "../core/layout.ts";
import type { RoomStore } from "../state/room.ts";
import { formatDay, formatMoment, formatTime, t } from "../text/i18n.ts";
import { AttachmentView } from "./attachment.tsx";
import { Avatar } from "./avatar.tsx";
import { Icon } from "./icons.tsx";
import { Linked } from "./linked.tsx";

type MessageRow = Extract<Row, { kind: "message" | "outgoing" }>;

interface RowProps {
  row: Row;
  room: RoomStore;
}

/** A row whose content is the same is not drawn again, however many there are. */
export function RowView({ row, room }: RowProps): VNode {
  const content = row.kind === "message" ? row.message : row.kind === "outgoing" ? row.outgoing : row.key;
  const leads = "leads" in row && row.leads;
  return useMemo(() => <RowContent row={row} room={room} />, [content, leads, room]);
}

function RowContent({ row, room }: RowProps): VNode {
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
    default:
      return <MessageView row={row} room={room} />;
  }
}

/** A message that has been stored keeps the elements, and so the loaded images, of the one that waited. */
function MessageView({ row, room }: { row: MessageRow; room: RoomStore }): VNode {
  const waits = row.kind === "outgoing";
  const { text, attachments } = waits ? row.outgoing : row.message;
  const mine = waits || row.mine;
  const author = waits ? room.services.me : row.message.author;
  const state = waits ? `outgoing ${row.outgoing.refused === undefined ? "" : "failed"}` : "";
  return (
    <li
      class={`message ${mine ? "mine" : "other"} ${row.leads ? "leads" : "follows"} ${state}`}
      data-id={waits ? undefined : row.message.id}
    >
      {row.leads && !mine && <Avatar name={room.nameOf(author)} id={author} />}
      <div class="message-body">
        <p class={row.leads ? "message-author" : "visually-hidden"}>{mine ? t("you") : room.nameOf(author)}</p>
        <div class="bubble">
          <p class="message-text">
            <Linked text={text} />
          </p>
          {attachments.map((id) => (
            <AttachmentView key={id} store={room.attachment(id)} />
          ))}
        </div>
      </div>
      <p class="message-meta">
        {waits ? <OutgoingState outgoing={row.outgoing} room={room} /> : <Time posted={row.message.posted_at} />}
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

type OutgoingProps = Pick<Extract<Row, { kind: "outgoing" }>, "outgoing"> & { room: RoomStore };

function OutgoingState({ outgoing: { client_message_id: id, refused }, room }: OutgoingProps): VNode {
  const { online, outbox } = room.services;
  if (refused === undefined) {
    return (
      <>
        <Icon name="clock" />
        {t(online.value ? "sending" : "queued")}
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
