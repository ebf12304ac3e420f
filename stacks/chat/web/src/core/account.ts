/** Who is signed in on this device: keeps the tokens, and an access token that is still good at hand. */

import type { Store } from "./outbox.ts";

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
  /** Whether an error of `refresh` says that the session has ended; anything else may pass. */
  isOver: (error: unknown) => boolean;
  onSignedOut: () => void;
  now?: () => number;
}

const KEY = "chat.account";
/** Renewed this long before the end, so that a request under way does not meet it. */
const MARGIN = 60_000;

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
    this.#options = options;
    this.#kept = this.#load();
  }

  get current(): Kept | undefined {
    return this.#kept;
  }

  signIn(email: string, tokens: Tokens): Kept {
    this.#keep({
      email,
      user: claimOf(tokens.accessToken, "sub"),
      accessToken: tokens.accessToken,
      refreshToken: tokens.refreshToken ?? "",
      expiresAt: this.#now() + tokens.expiresIn * 1000,
    });
    return this.#kept as Kept;
  }

  signOut(): void {
    if (this.#kept === undefined) return;
    this.#kept = undefined;
    this.#options.store.removeItem(KEY);
    this.#options.onSignedOut();
  }

  /** Another tab has signed in, refreshed or signed out. */
  reload(): void {
    const before = this.#kept;
    this.#kept = this.#load();
    if (before !== undefined && before.user !== this.#kept?.user) this.#options.onSignedOut();
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
    this.#refreshing ??= this.#refresh(kept).finally(() => {
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

  async #refresh(kept: Kept): Promise<string> {
    try {
      const tokens = await this.#options.refresh(kept.refreshToken);
      if (this.#kept?.user !== kept.user) throw new SignedOut();
      this.#keep({
        ...kept,
        accessToken: tokens.accessToken,
        refreshToken: tokens.refreshToken ?? kept.refreshToken,
        expiresAt: this.#now() + tokens.expiresIn * 1000,
      });
      return tokens.accessToken;
    } catch (error) {
      if (!this.#options.isOver(error)) throw error;
      this.signOut();
      throw new SignedOut();
    }
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
