/** Single-page routing: `/` and `/rooms/<id>`, with an invite code behind the #. */

import { inviteCodeOf, roomOf } from "../core/invite.ts";
import { isOutdated } from "./release.ts";

export interface Route {
  room: string | undefined;
  inviteCode: string | undefined;
}

export function currentRoute(): Route {
  return { room: roomOf(location.pathname), inviteCode: inviteCodeOf(location.hash) };
}

export function pathOf(room: string | undefined): string {
  return `${room === undefined ? "/" : `/rooms/${room}`}${location.search}`;
}

/** Go somewhere inside the page; the preferred Region in the address stays. */
export function navigate(room: string | undefined): void {
  if (isOutdated()) {
    location.assign(pathOf(room));
    return;
  }
  history.pushState(null, "", pathOf(room));
  dispatchEvent(new PopStateEvent("popstate"));
}
