/** What the page keeps in the browser: keys that begin with `chat.`, in localStorage and, for one tab, sessionStorage. */

export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface ListedStore extends Store {
  readonly length: number;
  key(index: number): string | null;
}

const PREFIX = "chat.";
export const LANGUAGE = "chat.language";
export const THEME = "chat.theme";
const PREFERENCES: readonly string[] = [LANGUAGE, THEME];

/** Remove everything but the preferences, which belong to the browser and not to its user. */
export function clear(store: ListedStore, ...except: string[]): void {
  const keys = Array.from({ length: store.length }, (_, index) => store.key(index));
  for (const key of keys) {
    if (key?.startsWith(PREFIX) && !PREFERENCES.includes(key) && !except.includes(key)) store.removeItem(key);
  }
}
