/** What a search has found: each leads to its place in the conversation. */

import type { VNode } from "preact";
import { excerpt } from "../core/found.ts";
import type { Message } from "../core/model.ts";
import type { FoundAttachment } from "../net/search.ts";
import { toast } from "../state/feedback.ts";
import { pathOf } from "../state/router.ts";
import type { SearchStore } from "../state/search.ts";
import type { WorkspaceStore } from "../state/workspace.ts";
import { formatMoment, formatSize, t } from "../text/i18n.ts";
import { openFile } from "./attachment.tsx";
import { Avatar } from "./avatar.tsx";
import { Icon } from "./icons.tsx";
import { LinkButton } from "./link-button.tsx";

interface ResultsProps {
  workspace: WorkspaceStore;
  store: SearchStore;
  /** Whether several rooms are searched, so that each result says in which one it is. */
  everywhere: boolean;
  /** Show a message in its conversation. */
  onShow: (room: string, message: string) => void;
}

export function Results({ workspace, store, everywhere, onShow }: ResultsProps): VNode {
  const results = store.results.value;
  return (
    <div id="search-results" role="tabpanel" aria-labelledby={`tab-${store.kind.value}`}>
      <p class="search-status" role="status">
        {statusOf(store)}
      </p>
      <p class="form-error" role="alert">
        {store.problem.value}
      </p>
      <ol class="results">
        {results.map((result) => {
          const room = everywhere ? (workspace.rooms.find(result.room)?.name ?? "") : "";
          const nameOf = (user: string): string => store.nameOf(result.room, user);
          return result.kind === "message" ? (
            <li key={result.message.id}>
              <MessageResult
                message={result.message}
                author={nameOf(result.message.author)}
                room={room}
                words={store.asked.value?.text ?? ""}
                onShow={() => onShow(result.room, result.message.id)}
              />
            </li>
          ) : (
            <li key={result.attachment.id}>
              <AttachmentResult
                attachment={result.attachment}
                owner={nameOf(result.attachment.owner)}
                room={room}
                onOpen={() => void openFile(workspace.fileOf(result.room, result.attachment.id))}
                onShow={() => void showAttachment(store, result.room, result.attachment, onShow)}
              />
            </li>
          );
        })}
      </ol>
      {store.more.value && (
        <button type="button" class="button small" onClick={() => void store.goOn()}>
          {t("searchMore")}
        </button>
      )}
    </div>
  );
}

function statusOf({ asked, more, problem, results, searching }: SearchStore): string {
  const count = results.value.length;
  if (searching.value) return t("searching");
  if (asked.value === undefined || problem.value !== "") return "";
  if (count === 0) return t(more.value ? "searchNothingYet" : "searchNothing");
  return t(more.value ? "searchFoundSoFar" : "searchFound", { count });
}

async function showAttachment(
  store: SearchStore,
  room: string,
  attachment: FoundAttachment,
  onShow: ResultsProps["onShow"],
): Promise<void> {
  const message = await store.messageOf(room, attachment).catch(() => undefined);
  if (message === undefined) toast(t("searchNoMessage"), "error");
  else onShow(room, message);
}

interface MessageResultProps {
  message: Message;
  author: string;
  room: string;
  words: string;
  onShow: () => void;
}

function MessageResult({ message, author, room, words, onShow }: MessageResultProps): VNode {
  return (
    <a
      class="result"
      href={pathOf(message.room, message.id)}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        onShow();
      }}
    >
      <Avatar name={author} id={message.author} />
      <span class="result-body">
        <Meta author={author} room={room} at={message.posted_at} />
        <span class="result-text">
          {excerpt(message.text, words).map(({ start, text, marked }) =>
            marked ? <mark key={start}>{text}</mark> : text,
          )}
        </span>
      </span>
    </a>
  );
}

interface AttachmentResultProps {
  attachment: FoundAttachment;
  owner: string;
  room: string;
  onOpen: () => void;
  onShow: () => void;
}

function AttachmentResult({ attachment, owner, room, onOpen, onShow }: AttachmentResultProps): VNode {
  return (
    <div class="result">
      <Icon name={attachment.content_type.startsWith("image/") ? "image" : "file"} />
      <span class="result-body">
        <Meta author={owner} room={room} at={attachment.uploaded_at} />
        <span class="result-text">{attachment.name}</span>
        <span class="result-actions">
          <LinkButton onClick={onOpen}>
            {t("openImage", { name: attachment.name })} ({formatSize(attachment.size)})
          </LinkButton>
          <LinkButton onClick={onShow}>{t("searchShow")}</LinkButton>
        </span>
      </span>
    </div>
  );
}

function Meta({ author, room, at }: { author: string; room: string; at: string }): VNode {
  return (
    <span class="result-meta">
      <strong>{author}</strong>
      {room && <span>{room}</span>}
      <time dateTime={at}>{formatMoment(new Date(at))}</time>
    </span>
  );
}
