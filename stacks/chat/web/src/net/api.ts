/** The routes of the chat's HTTP API, in whichever Region answers. */

import type {
  Attachment,
  Message,
  NoticeSettings,
  OlderPage,
  Page,
  Presence,
  Room,
  RoomSummary,
  SessionInfo,
  UploadForm,
} from "../core/model.ts";
import type { OutgoingMessage } from "../core/outbox.ts";
import type { Regions } from "../core/regions.ts";
import { newTrace } from "../core/trace.ts";
import { type Request, Requests, sendFailed, type Tokens } from "./requests.ts";

const room = (id: string): string => `/rooms/${encodeURIComponent(id)}`;

export class ChatApi {
  readonly #requests: Requests;

  constructor(regions: Regions, tokens: Tokens, onRegion: (region: string) => void = () => undefined) {
    this.#requests = new Requests(regions, tokens, onRegion);
  }

  session(name?: string): Promise<SessionInfo> {
    return this.call("POST", "/session", { body: name === undefined ? {} : { name } });
  }

  async rooms(): Promise<RoomSummary[]> {
    const rooms: RoomSummary[] = [];
    let after: string | undefined;
    do {
      const page: { rooms: RoomSummary[]; after: string | null } = await this.call("GET", "/rooms", {
        query: { after, limit: 100 },
      });
      rooms.push(...page.rooms);
      after = page.after ?? undefined;
    } while (after !== undefined);
    return rooms;
  }

  createRoom(name: string): Promise<{ room: string; name: string; invite_code: string }> {
    return this.call("POST", "/rooms", { body: { name }, repeatable: false });
  }

  join(id: string, inviteCode: string): Promise<{ room: string; name: string }> {
    return this.call("POST", `${room(id)}/members`, { body: { invite_code: inviteCode } });
  }

  leave(id: string): Promise<unknown> {
    return this.call("DELETE", `${room(id)}/members/me`);
  }

  /** End a membership of somebody else; for the creator of the room. */
  async removeMember(id: string, user: string): Promise<void> {
    await this.call("DELETE", `${room(id)}/members/${encodeURIComponent(user)}`);
  }

  /** Replace the invite code, so that the old one is worth nothing; for the creator of the room. */
  changeInviteCode(id: string): Promise<{ invite_code: string }> {
    return this.call("PUT", `${room(id)}/invite`);
  }

  room(id: string): Promise<Room> {
    return this.call("GET", room(id));
  }

  presence(id: string, typing: boolean): Promise<Presence> {
    return this.call("PUT", `${room(id)}/presence`, { body: { typing } });
  }

  async absent(id: string): Promise<void> {
    await this.call("DELETE", `${room(id)}/presence`, { keepalive: true });
  }

  read(id: string, cursor: string): Promise<{ unread: number }> {
    return this.call("PUT", `${room(id)}/read`, { body: { cursor } });
  }

  messagesAfter(id: string, cursor: string): Promise<Page> {
    return this.call("GET", `${room(id)}/messages`, { query: { after: cursor, limit: 100 } });
  }

  messagesBefore(id: string, before: string): Promise<OlderPage> {
    return this.call("GET", `${room(id)}/messages`, { query: { before, limit: 40 } });
  }

  /** @throws SendFailed */
  async send({ room: id, client_message_id, text, attachments, answers }: OutgoingMessage): Promise<Message> {
    const body = { client_message_id, text, attachments, answers };
    try {
      return await this.call("POST", `${room(id)}/messages`, {
        body,
        // However often it is tried, and wherever it is stored: one message, one id.
        trace: newTrace(client_message_id),
      });
    } catch (error) {
      throw sendFailed(error);
    }
  }

  upload(id: string, name: string, contentType: string, size: number): Promise<UploadForm> {
    return this.call("POST", `${room(id)}/uploads`, { body: { name, content_type: contentType, size } });
  }

  attachment(id: string, attachment: string, variant?: "thumbnail"): Promise<Attachment> {
    return this.call("GET", `${room(id)}/attachments/${encodeURIComponent(attachment)}`, { query: { variant } });
  }

  notices(): Promise<NoticeSettings> {
    return this.call("GET", "/me/notifications");
  }

  setNotices(settings: NoticeSettings): Promise<NoticeSettings> {
    return this.call("PUT", "/me/notifications", { body: settings });
  }

  /** Have this browser notified while the page is closed. */
  addBrowser({ endpoint, keys }: PushSubscriptionJSON): Promise<{ device: string }> {
    const { p256dh, auth } = keys ?? {};
    return this.call("POST", "/me/devices", { body: { platform: "web_push", endpoint, keys: { p256dh, auth } } });
  }

  async removeDevice(device: string): Promise<void> {
    await this.call("DELETE", `/me/devices/${encodeURIComponent(device)}`);
  }

  /** Delete the user's account, and what it left in the rooms but its messages. */
  async deleteAccount(): Promise<void> {
    await this.call("DELETE", "/me");
  }

  /** Call a route that has no method here. */
  call<Answer>(method: string, path: string, request?: Request): Promise<Answer> {
    return this.#requests.call(method, path, request);
  }
}
