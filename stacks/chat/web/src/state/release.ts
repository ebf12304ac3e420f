/** The service worker: it lets the page open without a network, and says when there is a new version of the page. */

const INTERVAL = 60 * 60_000;

let newVersion = false;

/** Whether the next page should be loaded instead of rendered: this one is old, and the API goes on with the new one. */
export function isOutdated(): boolean {
  return newVersion && navigator.onLine;
}

export async function startServiceWorker(): Promise<void> {
  const workers = navigator.serviceWorker;
  // Missing where the page is not served by https:, nor from the machine itself.
  if (workers === undefined || !import.meta.env.PROD) return;
  let controlled = workers.controller !== null;
  workers.addEventListener("controllerchange", () => {
    newVersion ||= controlled;
    controlled = true;
  });
  const registration = await workers.register("/sw.js", { updateViaCache: "none" });
  // A page that stays open for days learns about a new version, too.
  setInterval(() => void registration.update().catch(() => undefined), INTERVAL);
}
