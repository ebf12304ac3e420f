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
}

/** Messages after a cursor. */
export interface Page {
  messages: Message[];
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
  | { kind: "presence"; user: string; online: boolean }
  | { kind: "typing"; user: string; typing: boolean }
  | { kind: "members" }
  | { kind: "attachment"; id: string; thumbnail?: boolean };
