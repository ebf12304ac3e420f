/** Calls of the API that succeed only at a later try. */

import { sleep } from "../core/backoff.ts";
import type { ChatApi } from "../net/api.ts";
import { ApiError } from "../net/requests.ts";

/** A room that was created a moment ago may not have been replicated to this Region yet. */
const JOIN = { tries: 3, pause: 700 };
const DELETION_TRIES = 20;

export async function joinRoom(api: ChatApi, room: string, code: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await api.join(room, code);
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404 || tries === JOIN.tries) throw error;
      await sleep(JOIN.pause);
    }
  }
}

export async function deleteAccount(api: ChatApi): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await api.deleteAccount();
      return;
    } catch (error) {
      // Who is in many rooms leaves some of them with each call.
      const unfinished = error instanceof ApiError && error.status === 503;
      if (!unfinished || tries === DELETION_TRIES) throw error;
    }
  }
}
