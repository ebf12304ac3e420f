/** The state of the page: either somebody signs in, or somebody is signed in. */

import { signal } from "@preact/signals";
import { Account } from "../core/account.ts";
import { delayAfter, sleep } from "../core/backoff.ts";
import { type Api, type Configuration, preferring, reachable } from "../core/config.ts";
import { clear } from "../core/storage.ts";
import { endSubscription } from "../core/subscription.ts";
import { Cognito, CognitoError } from "../net/cognito.ts";
import type { StringKey } from "../text/i18n.ts";
import { SignInStore } from "./sign-in.ts";
import { WorkspaceStore } from "./workspace.ts";

/** For as long as the page is open, and no longer: the token is kept nowhere. */
const REVOKE = { tries: 10, base: 2_000, cap: 60_000 };

export class App {
  readonly signIn: SignInStore;
  /** Undefined while nobody is signed in. */
  readonly workspace = signal<WorkspaceStore | undefined>();
  readonly #configuration: Configuration;
  readonly #apis: Api[];
  readonly #cognito: Cognito;
  readonly #account: Account;

  /** @param region the Region whose API is preferred */
  constructor(configuration: Configuration, region: string | null) {
    const { apis, local, userPool } = configuration;
    this.#configuration = configuration;
    this.#apis = preferring(apis, region).map((api) => ({ ...api, url: reachable(api.url, local) }));
    this.#cognito = new Cognito(reachable(userPool.endpoint, local), userPool.clientId);
    this.#account = new Account({
      store: localStorage,
      refresh: (token) => this.#cognito.refresh(token),
      revoke: (token) => void this.#revoke(token),
      isOver: (error) => error instanceof CognitoError,
      clear: (...except) => {
        for (const store of [localStorage, sessionStorage]) clear(store, ...except);
      },
      clearTab: () => clear(sessionStorage),
      onSignedOut: () => this.#update("sessionEnded"),
    });
    this.signIn = new SignInStore({
      cognito: this.#cognito,
      account: this.#account,
      onSignedIn: () => this.#update(),
    });
  }

  start(): void {
    addEventListener("storage", ({ key }) => {
      if (key === null || key === "chat.account") this.#changedElsewhere();
    });
    this.#update();
  }

  /** @param notice what the page says then */
  signOut(notice?: StringKey): void {
    // First nobody writes any more, then everything is removed.
    this.#close();
    this.#account.signOut();
    this.#update(notice);
  }

  /** Another tab has signed in, refreshed its tokens or signed out. */
  #changedElsewhere(): void {
    const before = this.#account.current;
    this.#account.reload();
    if (before === undefined && this.#account.current !== undefined) this.#update();
  }

  /** Whether or not Cognito can be reached now, this browser has forgotten the session. */
  async #revoke(refreshToken: string): Promise<void> {
    for (let failures = 1; failures <= REVOKE.tries; failures += 1) {
      try {
        await this.#cognito.revoke(refreshToken);
        return;
      } catch (error) {
        if (error instanceof CognitoError) return;
        await sleep(delayAfter(failures, REVOKE));
      }
    }
  }

  #close(): void {
    this.workspace.value?.close();
    this.workspace.value = undefined;
  }

  #update(notice?: StringKey): void {
    this.#close();
    if (this.#account.current === undefined) {
      // Whoever is at this browser now is shown nothing of a user before.
      endSubscription().catch(() => undefined);
      this.signIn.begin(notice);
      return;
    }
    const workspace = new WorkspaceStore({
      configuration: this.#configuration,
      apis: this.#apis,
      account: this.#account,
    });
    this.workspace.value = workspace;
    workspace.start();
  }
}
