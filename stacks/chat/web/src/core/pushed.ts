/** What the back end pushes to a browser, as the service worker shows it. */

import { roomOf } from "./invite.ts";

export interface Pushed {
  title: string;
  body: string;
  /** A newer notification of the same room replaces the one that is shown. */
  room: string;
}

/** Read a push message. One that cannot be read is shown as well: a browser wants a notification for each. */
export function parsePushed(text: string | undefined, product: string): Pushed {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    value = undefined;
  }
  const { title, body, link } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  return {
    title: typeof title === "string" && title !== "" ? title : product,
    body: typeof body === "string" ? body : "",
    room: (typeof link === "string" ? roomOf(pathnameOf(link)) : undefined) ?? "",
  };
}

/** Only the path of a link counts: a notification opens this site, and nothing else. */
function pathnameOf(link: string): string {
  return URL.canParse(link) ? new URL(link).pathname : "";
}

/** What the service worker tells the page whose window it shows after a click on a notification. */
export interface OpenRoom {
  kind: "open";
  room: string;
}

export function isOpenRoom(value: unknown): value is OpenRoom {
  const { kind, room } = (typeof value === "object" && value !== null ? value : {}) as Partial<OpenRoom>;
  return kind === "open" && typeof room === "string";
}
