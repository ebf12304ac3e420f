/** Notifications while no page is open: shows what is pushed, and opens its room after a click. */

import { type OpenRoom, parsePushed } from "../core/pushed.ts";

declare const self: ServiceWorkerGlobalScope;

const PRODUCT = "Chat";
const ICON = "/icons/192.png";

export function listenToPush(): void {
  self.addEventListener("push", (event) => {
    event.waitUntil(show(event.data?.text()));
  });
  self.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(open(String(event.notification.data ?? "")));
  });
}

function show(text: string | undefined): Promise<void> {
  const { title, body, room } = parsePushed(text, PRODUCT);
  // A notification that replaces one of its room is heard again.
  const again = room === "" ? {} : { tag: room, renotify: true };
  return self.registration.showNotification(title, { body, icon: ICON, data: room, ...again });
}

/** Show the room in a window that is there, or in a new one. */
async function open(room: string): Promise<void> {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const shown = windows.find((one) => one.visibilityState === "visible") ?? windows[0];
  if (shown === undefined) {
    await self.clients.openWindow(room === "" ? "/" : `/rooms/${room}`);
    return;
  }
  const message: OpenRoom = { kind: "open", room };
  shown.postMessage(message);
  await shown.focus();
}
