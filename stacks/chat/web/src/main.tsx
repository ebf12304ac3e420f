/** Entry point: reads the configuration and the preferences, then renders the sign-in page or the rooms. */

import "./styles/base.css";
import "./styles/controls.css";
import "./styles/forms.css";
import "./styles/dialog.css";
import "./styles/auth.css";
import "./styles/shell.css";
import "./styles/pages.css";
import "./styles/room.css";
import "./styles/messages.css";
import "./styles/message-actions.css";
import "./styles/attachment.css";
import "./styles/composer.css";
import "./styles/search.css";
import { render, type VNode } from "preact";
import { type Configuration, ConfigurationError, parseConfiguration } from "./core/config.ts";
import { LANGUAGE, THEME } from "./core/storage.ts";
import { App } from "./state/app.ts";
import { applyPreferences } from "./state/preferences.ts";
import { startServiceWorker } from "./state/release.ts";
import { t } from "./text/i18n.ts";
import { Announcements, Toasts } from "./ui/feedback.tsx";
import { SignInPage } from "./ui/sign-in.tsx";
import { WorkspaceView } from "./ui/workspace.tsx";

async function readConfiguration(): Promise<Configuration> {
  const response = await fetch("/config.json", { cache: "no-cache" });
  if (!response.ok) throw new ConfigurationError(`config.json: HTTP ${response.status}`);
  return parseConfiguration(await response.json());
}

function Root({ app }: { app: App }): VNode {
  const workspace = app.workspace.value;
  if (workspace === undefined) return <SignInPage store={app.signIn} />;
  return <WorkspaceView key={workspace} workspace={workspace} onSignOut={(notice) => app.signOut(notice)} />;
}

function Failure({ reason }: { reason: string }): VNode {
  return (
    <main class="page">
      <h1>{t("product")}</h1>
      <p>{t("configurationMissing", { reason })}</p>
    </main>
  );
}

async function start(): Promise<VNode> {
  try {
    const app = new App(await readConfiguration(), new URLSearchParams(location.search).get("region"));
    app.start();
    return <Root app={app} />;
  } catch (error) {
    return <Failure reason={error instanceof Error ? error.message : String(error)} />;
  }
}

function mount(view: VNode, selector: string): void {
  const place = document.querySelector(selector);
  if (place !== null) render(view, place);
}

applyPreferences();
// What is chosen in one tab is so in all of them.
addEventListener("storage", ({ key }) => {
  if (key === LANGUAGE || key === THEME) applyPreferences();
});
mount(<Toasts />, "#toasts");
mount(<Announcements />, "#announcements");
start().then((view) => mount(view, "#app"));
// The page works without it, only not without a network.
startServiceWorker().catch(() => undefined);
