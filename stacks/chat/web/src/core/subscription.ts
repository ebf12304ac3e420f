/** Web Push in this browser: its subscription, and the permission for it. */

/** The part of `PushSubscription` that is used, so that tests can have their own. */
export interface Subscription {
  readonly endpoint: string;
  readonly options: { readonly applicationServerKey: ArrayBuffer | null };
  toJSON(): PushSubscriptionJSON;
  unsubscribe(): Promise<boolean>;
}

export interface PushBrowser {
  readonly permission: NotificationPermission;
  /** Ask the user, which browsers allow after a click only. */
  ask(): Promise<NotificationPermission>;
  subscription(): Promise<Subscription | null>;
  subscribe(key: string): Promise<Subscription>;
}

/** This browser; undefined for one without Web Push. Resolves when the service worker is there. */
export async function pushBrowser(): Promise<PushBrowser | undefined> {
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return undefined;
  const { pushManager } = await navigator.serviceWorker.ready;
  return {
    get permission() {
      return Notification.permission;
    },
    ask: () => Notification.requestPermission(),
    subscription: () => pushManager.getSubscription(),
    subscribe: (key) => pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }),
  };
}

/** Whether a subscription is one to this public key. */
export function isFor(subscription: Subscription, key: string): boolean {
  const bytes = new Uint8Array(subscription.options.applicationServerKey ?? new ArrayBuffer(0));
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") === key;
}

/** Nobody is signed in here: the push service says so to the back end when it sends the next time. */
export async function endSubscription(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  const subscription = await registration?.pushManager?.getSubscription();
  await subscription?.unsubscribe();
}
