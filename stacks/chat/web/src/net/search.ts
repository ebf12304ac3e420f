/** Search in one room, by the chat's API. */

import type { Message } from "../core/model.ts";
import type { ChatApi } from "./api.ts";

export interface FoundAttachment {
  id: string;
  name: string;
  content_type: string;
  size: number;
  owner: string;
  uploaded_at: string;
  thumbnail: boolean;
}

/** What somebody looks for; each part may be left out. */
export interface Wanted {
  /** Words of a message, or a part of the name of a file. */
  text?: string | undefined;
  /** The user who wrote or uploaded it. */
  author?: string | undefined;
  /** Between these moments, as ISO 8601 has them. */
  from?: string | undefined;
  to?: string | undefined;
  /** Beginning of a content type, of attachments only. */
  type?: string | undefined;
}

export interface Page<Found> {
  found: Found[];
  /** Where the next page begins; null behind the last one. */
  after: string | null;
}

const path = (room: string, what: string): string => `/rooms/${encodeURIComponent(room)}/${what}`;

export async function searchMessages(
  api: ChatApi,
  room: string,
  { text, author, from, to }: Wanted,
  after?: string,
): Promise<Page<Message>> {
  const answer = await api.call<{ messages: Message[]; after: string | null }>("GET", path(room, "search"), {
    query: { text, author, from, to, after, limit: 20 },
  });
  return { found: answer.messages, after: answer.after };
}

export async function searchAttachments(
  api: ChatApi,
  room: string,
  { text, author, from, to, type }: Wanted,
  after?: string,
): Promise<Page<FoundAttachment>> {
  const answer = await api.call<{ attachments: FoundAttachment[]; after: string | null }>(
    "GET",
    path(room, "attachments"),
    {
      query: { name: text, owner: author, from, to, content_type: type, after, limit: 20 },
    },
  );
  return { found: answer.attachments, after: answer.after };
}
