/** The chat's HTTP API, in whichever Region answers. */

import { delayAfter, sleep } from "../core/backoff.ts";
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
import { type OutgoingMessage, SendFailed } from "../core/outbox.ts";
import type { Regions } from "../core/regions.ts";

/** The API said no. */
export class ApiError extends Error {
  readonly status: number;
  /** Seconds after which the caller may try again: all that the API lets one person do for now is used up. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** No Region answered. */
export class ApiUnavailable extends Error {}

export interface Request {
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  /** Whether another Region may be asked when it is not known what became of the request. */
  repeatable?: boolean;
  /** Goes out even when the page is closing. */
  keepalive?: boolean;
}

interface Tokens {
  accessToken(refused?: string): Promise<string>;
}

const PATIENCE = 12_000;
/** A Region that says 503 or 429 is there, only busy: it is asked again before another one is. */
const BUSY_TRIES = 2;
const BUSY = { base: 800, cap: 3_000 };

/** Header `Retry-After`; an API that is throttled as a whole sends none. */
function secondsOf(response: Response): number | undefined {
  const header = response.headers.get("Retry-After");
  const seconds = Number(header);
  return response.status === 429 && header !== null && Number.isFinite(seconds) ? Math.max(1, seconds) : undefined;
}

const room = (id: string): string => `/rooms/${encodeURIComponent(id)}`;

/** How a try to store something ended, for the queue that it waits in. */
export function sendFailed(error: unknown): SendFailed {
  const final = error instanceof ApiError && error.status < 500 && error.status !== 429 && error.status !== 401;
  const after = error instanceof ApiError ? error.retryAfter : undefined;
  return new SendFailed(error instanceof Error ? error.message : String(error), !final, after);
}

export class ChatApi {
  readonly #regions: Regions;
  readonly #tokens: Tokens;
  readonly #onRegion: (region: string) => void;

  constructor(regions: Regions, tokens: Tokens, onRegion: (region: string) => void = () => undefined) {
    this.#regions = regions;
    this.#tokens = tokens;
    this.#onRegion = onRegion;
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
      return await this.call("POST", `${room(id)}/messages`, { body });
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

  /** Ask the Regions one after the other. */
  async call<Answer>(method: string, path: string, request: Request = {}): Promise<Answer> {
    let last: unknown = new ApiUnavailable("no Region answered");
    for (const api of this.#regions.order()) {
      try {
        const answer = await this.#ask<Answer>(api.url, method, path, request);
        if (this.#regions.answered(api)) this.#onRegion(api.region);
        return answer;
      } catch (error) {
        // What is used up in one Region is so in the others.
        const tooMuch = error instanceof ApiError && error.retryAfter !== undefined;
        if (tooMuch || (error instanceof ApiError && error.status < 500 && error.status !== 429)) {
          this.#regions.answered(api);
          throw error;
        }
        if (!(error instanceof ApiError || error instanceof ApiUnavailable)) throw error;
        last = error;
        // Without a network no Region answers, and none is to blame.
        if (!navigator.onLine) break;
        this.#regions.failed(api);
        if (request.repeatable === false) break;
      }
    }
    throw last;
  }

  async #ask<Answer>(base: string, method: string, path: string, request: Request): Promise<Answer> {
    let token = await this.#tokens.accessToken();
    let renewed = false;
    for (let busy = 1; ; ) {
      const response = await this.#fetch(base, method, path, request, token);
      if (response.ok) return (await response.json().catch(() => ({}))) as Answer;
      if (response.status === 401 && !renewed) {
        renewed = true;
        token = await this.#tokens.accessToken(token);
        continue;
      }
      const retryAfter = secondsOf(response);
      if ((response.status === 503 || response.status === 429) && retryAfter === undefined && busy < BUSY_TRIES) {
        await sleep(delayAfter(busy, BUSY));
        busy += 1;
        continue;
      }
      const problem = (await response.json().catch(() => ({}))) as { message?: string };
      throw new ApiError(response.status, problem.message ?? `HTTP ${response.status}`, retryAfter);
    }
  }

  async #fetch(base: string, method: string, path: string, request: Request, token: string): Promise<Response> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const url = `${base}${path}${query.size > 0 ? `?${query}` : ""}`;
    try {
      return await fetch(url, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(request.body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        credentials: "omit",
        cache: "no-store",
        keepalive: request.keepalive ?? false,
        signal: AbortSignal.timeout(PATIENCE),
      });
    } catch (error) {
      throw new ApiUnavailable(error instanceof Error ? error.message : "no answer");
    }
  }
}
