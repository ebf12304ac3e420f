/** The state of the page: either somebody signs in, or somebody is signed in. */

import { signal } from "@preact/signals";
import { Account } from "../core/account.ts";
import { type Api, type Configuration, preferring, reachable } from "../core/config.ts";
import { Cognito, CognitoError } from "../net/cognito.ts";
import type { StringKey } from "../text/i18n.ts";
import { SignInStore } from "./sign-in.ts";
import { WorkspaceStore } from "./workspace.ts";

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
      isOver: (error) => error instanceof CognitoError,
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

  signOut(): void {
    const token = this.#account.current?.refreshToken;
    // Whether or not Cognito receives it, this device forgets the session.
    if (token !== undefined) this.#cognito.revoke(token).catch(() => undefined);
    this.#account.signOut();
    this.#update();
  }

  /** Another tab has signed in, refreshed its tokens or signed out. */
  #changedElsewhere(): void {
    const before = this.#account.current;
    this.#account.reload();
    if (before === undefined && this.#account.current !== undefined) this.#update();
  }

  #update(notice?: StringKey): void {
    this.workspace.value?.close();
    this.workspace.value = undefined;
    if (this.#account.current === undefined) {
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
