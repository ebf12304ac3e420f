/** The part of the HTTP API that is about single messages: what links lead to, what was done to them. */

import { sleep } from "../core/backoff.ts";
import type { OutgoingChange } from "../core/change-queue.ts";
import type { Message, OlderPage } from "../core/model.ts";
import type { ChatApi } from "./api.ts";
import { ApiError, sendFailed } from "./requests.ts";

/** A message that is shown may not have been replicated to the Region that is asked. */
const ARRIVING = { tries: 4, pause: 700 };

const path = (room: string, message = ""): string =>
  `/rooms/${encodeURIComponent(room)}/messages${message && `/${encodeURIComponent(message)}`}`;

export class MessagesApi {
  readonly #api: ChatApi;

  constructor(api: ChatApi) {
    this.#api = api;
  }

  /** A message with what is around it. */
  around(room: string, message: string): Promise<OlderPage> {
    return this.#api.call("GET", path(room), { query: { around: message, limit: 40 } });
  }

  one(room: string, message: string): Promise<Message> {
    return this.#api.call("GET", path(room, message));
  }

  /**
   * Change a message; a Region that does not know it yet is asked again.
   *
   * @returns the message after the change
   * @throws SendFailed
   */
  async change({ room, client_change_id, kind, message, text, emoji }: OutgoingChange): Promise<Message> {
    const to = path(room, message);
    for (let tries = 1; ; tries += 1) {
      try {
        if (kind === "deletion") return await this.#api.call("DELETE", to);
        if (kind === "edit") return await this.#api.call("PUT", to, { body: { client_change_id, text } });
        return await this.#api.call("PUT", `${to}/reaction`, { body: { client_change_id, emoji } });
      } catch (error) {
        const unknown = error instanceof ApiError && error.status === 404;
        if (!unknown || tries === ARRIVING.tries) throw sendFailed(error);
        await sleep(ARRIVING.pause);
      }
    }
  }
}
