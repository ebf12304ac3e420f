/** The page starts: configuration, language, then either the forms for signing in or the rooms. */

import "./styles/base.css";
import "./styles/auth.css";
import "./styles/shell.css";
import "./styles/room.css";
import { Account } from "./core/account.ts";
import { ConfigurationError, parseConfiguration, preferring, reachable } from "./core/config.ts";
import { Cognito, CognitoError } from "./net/cognito.ts";
import { AuthView } from "./ui/auth.ts";
import { h, replace } from "./ui/dom.ts";
import { mountFeedback } from "./ui/feedback.ts";
import { t } from "./ui/i18n.ts";
import { applyPreferences } from "./ui/preferences.ts";
import { Workspace } from "./ui/workspace.ts";

async function readConfiguration(): Promise<ReturnType<typeof parseConfiguration>> {
  const response = await fetch("/config.json", { cache: "no-cache" });
  if (!response.ok) throw new ConfigurationError(`config.json: HTTP ${response.status}`);
  return parseConfiguration(await response.json());
}

async function start(root: Element): Promise<void> {
  const configuration = await readConfiguration();
  const { userPool, local } = configuration;
  const apis = preferring(configuration.apis, new URLSearchParams(location.search).get("region")).map((api) => ({
    ...api,
    url: reachable(api.url, local),
  }));
  const cognito = new Cognito(reachable(userPool.endpoint, local), userPool.clientId);
  let workspace: Workspace | undefined;
  const account = new Account({
    store: localStorage,
    refresh: (token) => cognito.refresh(token),
    isOver: (error) => error instanceof CognitoError,
    onSignedOut: () => show(t("sessionEnded")),
  });

  const signOut = (): void => {
    const token = account.current?.refreshToken;
    // Whether or not Cognito hears it, this device forgets the session.
    if (token !== undefined) cognito.revoke(token).catch(() => undefined);
    account.signOut();
    show();
  };

  function show(notice?: string): void {
    workspace?.close();
    workspace = undefined;
    if (account.current === undefined) {
      const onSignedIn = (): void => show();
      const view = new AuthView({
        cognito,
        account,
        ...(notice === undefined ? {} : { notice }),
        onSignedIn,
        onLanguage: () => show(),
      });
      view.mount(root);
      return;
    }
    workspace = new Workspace({ configuration, apis, account, onSignOut: signOut, onLanguage: () => show() });
    workspace.mount(root);
  }

  addEventListener("storage", (event) => {
    if (event.key === null || event.key === "chat.account") {
      const before = account.current?.user;
      account.reload();
      if (before === undefined && account.current !== undefined) show();
    }
  });
  show();
}

applyPreferences();
mountFeedback();
const root = document.querySelector("#app");
if (root !== null) {
  start(root).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    replace(
      root,
      h("main", { class: "page" }, h("h1", {}, t("product")), h("p", {}, t("configurationMissing", { reason }))),
    );
  });
}
