/** Single-page routing: `/`, `/rooms/<id>`, with an invite code behind the #, and `/rooms/<id>/messages/<id>`. */

import { inviteCodeOf, messageOf, roomOf } from "../core/invite.ts";
import { isOutdated } from "./release.ts";

export interface Route {
  room: string | undefined;
  /** The message that a link has led to. */
  message: string | undefined;
  inviteCode: string | undefined;
}

export function currentRoute(): Route {
  return {
    room: roomOf(location.pathname),
    message: messageOf(location.pathname),
    inviteCode: inviteCodeOf(location.hash),
  };
}

export function pathOf(room: string | undefined, message?: string): string {
  const place = message === undefined ? "" : `/messages/${message}`;
  return `${room === undefined ? "/" : `/rooms/${room}${place}`}${location.search}`;
}

/** Go somewhere inside the page; the preferred Region in the address stays. */
export function navigate(room: string | undefined, message?: string): void {
  if (isOutdated()) {
    location.assign(pathOf(room, message));
    return;
  }
  history.pushState(null, "", pathOf(room, message));
  dispatchEvent(new PopStateEvent("popstate"));
}
