/** What the back end and this client say to each other. */

export interface Message {
  room: string;
  /** The Region that accepted it. */
  region: string;
  /** Its number in that Region's log of the room. */
  sequence: number;
  /** Hybrid logical clock; with region and sequence it decides the order. */
  clock: number;
  id: string;
  author: string;
  client_message_id: string;
  text: string;
  attachments: string[];
  posted_at: string;
  /** Id of the message that it answers. */
  answers?: string;
  edited?: Edited;
  /** Set when it was deleted: it has no text then, and nothing else is done to it. */
  deleted?: Deleted;
  /** By user the emoji, empty when it was taken back, and the place of that change: clock, Region, sequence. */
  reactions?: Readonly<Record<string, Reaction>>;
}

/** The place of a change among all changes, and when it was made. */
export interface Edited {
  clock: number;
  region: string;
  sequence: number;
  at: string;
}

export interface Deleted extends Edited {
  by: string;
}

export type Reaction = readonly [emoji: string, clock: number, region: string, sequence: number];

export type ChangeKind = "edit" | "deletion" | "reaction";

/** What was done to a message. */
export interface Change {
  kind: ChangeKind;
  room: string;
  region: string;
  sequence: number;
  clock: number;
  id: string;
  message: string;
  author: string;
  text: string;
  emoji: string;
  changed_at: string;
}

export interface RoomSummary {
  room: string;
  name: string;
  unread: number;
  cursor: string;
}

export interface Member {
  user: string;
  name: string | null;
  online: boolean;
  typing: boolean;
}

export interface Room {
  room: string;
  name: string;
  channel: string;
  cursor: string;
  members: Member[];
  /** Whether this user made the room, and so may change its invite code and remove members. */
  creator: boolean;
}

export interface Presence {
  channel: string;
  cursor: string;
  online: string[];
  typing: string[];
}

export interface Realtime {
  transport: string;
  /** Address to publish to; its host is what the live channel's authorization names. */
  http: string;
  websocket: string;
}

export interface SessionInfo {
  region: string;
  user: string;
  name: string | null;
  realtime: Realtime;
  heartbeat_seconds: number;
  away_seconds: number;
  /** What browsers subscribe to for Web Push; null or missing without it. */
  web_push_key?: string | null;
}

/** What follows a cursor. */
export interface Page {
  messages: Message[];
  changes?: Change[];
  /** Messages which those of the page answer, and which are not in it. */
  answered?: Message[];
  cursor: string;
  more: boolean;
}

/** Messages before a place in the history. */
export interface OlderPage extends Page {
  before: string;
}

export interface UploadForm {
  url: string;
  fields: Record<string, string>;
  upload_id: string;
}

export interface Attachment {
  id: string;
  name: string;
  content_type: string;
  size: number;
  url: string;
  expires_at: string | number;
}

export interface NoticeSettings {
  mail: boolean;
  push: boolean;
  quiet_minutes: number;
  language: "en" | "ja";
}

/** What arrives through the live channel. */
export type LiveEvent =
  | { kind: "message"; message: Message }
  | { kind: "change"; change: Change }
  | { kind: "presence"; user: string; online: boolean }
  | { kind: "typing"; user: string; typing: boolean }
  | { kind: "members" }
  | { kind: "attachment"; id: string; thumbnail?: boolean };
