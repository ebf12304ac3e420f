/** The service worker: one file beside the page, at /sw.js, which the browser runs also when no page is open. */

import { Offline } from "./offline.ts";
import { listenToPush } from "./push.ts";

declare const self: ServiceWorkerGlobalScope;
/** Replaced by the build. */
declare const RELEASE: { version: string; files: string[] };

const offline = new Offline(RELEASE, { caches: self.caches, fetch: (...request) => self.fetch(...request) });

self.addEventListener("install", (event) => {
  // No waiting for the last page of the version before: pages come from the network while there is one.
  event.waitUntil(offline.install().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(offline.activate().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const answer = offline.answer(event.request, self.location.origin);
  if (answer !== undefined) event.respondWith(answer);
});

listenToPush();
