/** Who is signed in on this device: keeps the tokens, and an access token that is still good at hand. */

import type { Store } from "./storage.ts";

interface Tokens {
  accessToken: string;
  refreshToken?: string;
  expiresIn: number;
}

export interface Kept {
  email: string;
  /** Claim `sub`. */
  user: string;
  accessToken: string;
  refreshToken: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

export interface AccountOptions {
  store: Store;
  refresh: (refreshToken: string) => Promise<Tokens>;
  /** Ends a session on Cognito's side too. */
  revoke: (refreshToken: string) => void;
  /** Whether an error of `refresh` says that the session has ended; anything else may pass. */
  isOver: (error: unknown) => boolean;
  /** Removes what the page keeps in this browser, the account included, except these keys and the preferences. */
  clear: (...except: string[]) => void;
  /** Removes what this tab alone keeps. */
  clearTab: () => void;
  /** The session has ended, here or in another tab. */
  onSignedOut: () => void;
  /** Runs one piece of work at a time over all tabs. */
  exclusively?: <Result>(work: () => Promise<Result>) => Promise<Result>;
  now?: () => number;
}

const KEY = "chat.account";
/** Whose messages and invite codes are in this browser; outlives a session that ended by itself. */
const OWNER = "chat.owner";
/** Given with the sign-up, before there is an account. */
const NAME = "chat.name";
/** Renewed this long before the end, so that a request under way does not meet it. */
const MARGIN = 60_000;

/** A refresh token is good for one renewal, so two tabs must not renew at the same time. */
const inOneTab: NonNullable<AccountOptions["exclusively"]> = (work) =>
  navigator.locks === undefined ? work() : navigator.locks.request(KEY, work);

export class SignedOut extends Error {}

/** Read a claim of a token; its signature is for the back end to check. */
export function claimOf(token: string, name: string): string {
  const payload = token.split(".")[1] ?? "";
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return String(claims[name] ?? "");
  } catch {
    return "";
  }
}

export class Account {
  readonly #options: AccountOptions;
  #kept: Kept | undefined;
  #refreshing: Promise<string> | undefined;

  constructor(options: AccountOptions) {
    const { clearTab, store } = options;
    this.#options = options;
    this.#kept = this.#load();
    if (this.#kept !== undefined) store.setItem(OWNER, this.#kept.user);
    // A tab that was closed before the user signed out comes back with what it had kept.
    else if (store.getItem(OWNER) === null) clearTab();
  }

  get current(): Kept | undefined {
    return this.#kept;
  }

  signIn(email: string, tokens: Tokens): Kept {
    const { clear, store } = this.#options;
    const user = claimOf(tokens.accessToken, "sub");
    if ((store.getItem(OWNER) ?? user) !== user) clear(NAME);
    store.setItem(OWNER, user);
    this.#keep({
      email,
      user,
      accessToken: tokens.accessToken,
      refreshToken: tokens.refreshToken ?? "",
      expiresAt: this.#now() + tokens.expiresIn * 1000,
    });
    return this.#kept as Kept;
  }

  /** The user signs out: the next person at this browser finds nothing of them. */
  signOut(): void {
    // Another tab may have renewed the session meanwhile.
    const kept = this.#load() ?? this.#kept;
    this.#kept = undefined;
    this.#options.clear();
    if (kept !== undefined) this.#options.revoke(kept.refreshToken);
  }

  /** Another tab has signed in, refreshed or signed out. */
  reload(): void {
    const before = this.#kept;
    this.#kept = this.#load();
    if (before === undefined || before.user === this.#kept?.user) return;
    const { clearTab, onSignedOut, store } = this.#options;
    onSignedOut();
    if (store.getItem(OWNER) !== before.user) clearTab();
  }

  /**
   * Return a token that is good for a minute at least, or, while it cannot be renewed, one that is not yet over.
   *
   * @param refused a token that the back end did not accept: it is renewed whatever its time says
   * @throws SignedOut
   */
  async accessToken(refused?: string): Promise<string> {
    const kept = this.#kept;
    if (kept === undefined) throw new SignedOut();
    if (kept.accessToken !== refused && kept.expiresAt - MARGIN > this.#now()) return kept.accessToken;
    const { exclusively = inOneTab } = this.#options;
    this.#refreshing ??= exclusively(() => this.#refresh(kept)).finally(() => {
      this.#refreshing = undefined;
    });
    try {
      return await this.#refreshing;
    } catch (error) {
      // The home Region may be away for a while; the others accept the token until its end.
      const usable = !(error instanceof SignedOut) && kept.accessToken !== refused && kept.expiresAt > this.#now();
      if (usable) return kept.accessToken;
      throw error;
    }
  }

  async #refresh(before: Kept): Promise<string> {
    const kept = this.#ofUser(before.user);
    if (kept.accessToken !== before.accessToken) {
      // Another tab was first.
      this.#kept = kept;
      return kept.accessToken;
    }
    let tokens: Tokens;
    try {
      tokens = await this.#options.refresh(kept.refreshToken);
    } catch (error) {
      if (!this.#options.isOver(error)) throw error;
      this.#kept = undefined;
      this.#options.store.removeItem(KEY);
      this.#options.onSignedOut();
      throw new SignedOut();
    }
    const { accessToken, expiresIn, refreshToken = kept.refreshToken } = tokens;
    try {
      this.#ofUser(kept.user);
    } catch (error) {
      // The user signed out while this was under way: the new token must not outlive that.
      this.#options.revoke(refreshToken);
      throw error;
    }
    this.#keep({ ...kept, accessToken, refreshToken, expiresAt: this.#now() + expiresIn * 1000 });
    return accessToken;
  }

  /** @throws SignedOut when nobody, or somebody else, is signed in now */
  #ofUser(user: string): Kept {
    const kept = this.#load();
    if (kept?.user !== user) throw new SignedOut();
    return kept;
  }

  #keep(kept: Kept): void {
    this.#kept = kept;
    this.#options.store.setItem(KEY, JSON.stringify(kept));
  }

  #load(): Kept | undefined {
    try {
      const kept = JSON.parse(this.#options.store.getItem(KEY) ?? "null") as Kept | null;
      return kept?.user && kept.accessToken && kept.refreshToken ? kept : undefined;
    } catch {
      return undefined;
    }
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}
