/** The page of somebody who is signed in: the rooms on the left, one of them open on the right. */

import { useSignalEffect } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ConnectionStore } from "../state/connection.ts";
import { navigate } from "../state/router.ts";
import type { WorkspaceStore } from "../state/workspace.ts";
import { t } from "../text/i18n.ts";
import { closeDialogs, Dialogs, openDialog } from "./dialog.tsx";
import { Icon } from "./icons.tsx";
import { LinkButton } from "./link-button.tsx";
import { InviteDialog } from "./member-dialogs.tsx";
import { Join, Loading, Unavailable, Welcome } from "./pages.tsx";
import { PushOffer } from "./push-offer.tsx";
import { RoomView } from "./room.tsx";
import { LeaveDialog, NameDialog } from "./room-dialogs.tsx";
import { openSearch, searchByKey } from "./search.tsx";
import type { SignOut } from "./settings.tsx";
import { Sidebar } from "./sidebar.tsx";

interface WorkspaceProps {
  workspace: WorkspaceStore;
  onSignOut: SignOut;
}

export function WorkspaceView({ workspace, onSignOut }: WorkspaceProps): VNode {
  const main = useRef<HTMLElement>(null);
  useSignalEffect(() => {
    document.title = titleOf(workspace);
  });
  useSignalEffect(() => {
    if (workspace.needsName.value) openDialog((close) => <NameDialog workspace={workspace} close={close} />);
  });
  useEffect(() => closeDialogs, []);
  useEffect(() => {
    const search = searchByKey(workspace);
    addEventListener("keydown", search);
    return () => removeEventListener("keydown", search);
  }, [workspace]);
  const skip = (event: Event): void => {
    event.preventDefault();
    (main.current?.querySelector("textarea") ?? main.current)?.focus();
  };
  return (
    <div class="shell" data-pane={workspace.navigation.route.value.room === undefined ? "list" : "room"}>
      {/* biome-ignore lint/a11y/useValidAnchor: a skip link leads to a part of its own page */}
      <a class="skip-link" href="#main" onClick={skip}>
        {t("skip")}
      </a>
      <Banner connection={workspace.connection} onRetry={() => workspace.connectNow()} />
      <PushOffer push={workspace.push} />
      <main class="panes">
        <Sidebar workspace={workspace} onSignOut={onSignOut} />
        <section ref={main} class="main" id="main" tabIndex={-1} aria-label={t("conversation")}>
          <PageView workspace={workspace} />
        </section>
      </main>
      <Dialogs />
    </div>
  );
}

function titleOf({ navigation, rooms }: WorkspaceStore): string {
  const page = navigation.page.value;
  if (page.kind === "join") {
    return `${t(page.inviteCode === undefined ? "notOpen" : "invited")} – ${t("product")}`;
  }
  const open = navigation.route.value.room;
  const unread = rooms.sorted.value.reduce((sum, one) => sum + (one.room === open ? 0 : one.unread), 0);
  const name = page.kind === "room" ? `${page.room.name} – ` : "";
  return `${unread > 0 ? `(${unread}) ` : ""}${name}${t("product")}`;
}

function Banner({ connection, onRetry }: { connection: ConnectionStore; onRetry: () => void }): VNode {
  const problem = connection.problem.value;
  return (
    <div class="banner" role="status" hidden={problem === undefined}>
      {problem && (
        <>
          <Icon name="offline" />
          <span>{t(problem)}</span>
          {problem === "reconnecting" && <LinkButton onClick={onRetry}>{t("connectNow")}</LinkButton>}
        </>
      )}
    </div>
  );
}

function PageView({ workspace }: { workspace: WorkspaceStore }): VNode {
  const page = workspace.navigation.page.value;
  switch (page.kind) {
    case "loading":
      return <Loading />;
    case "welcome":
      return <Welcome workspace={workspace} />;
    case "unavailable":
      return <Unavailable workspace={workspace} />;
    case "join":
      return <Join key={page.room} workspace={workspace} room={page.room} inviteCode={page.inviteCode} />;
    case "room":
      return (
        <RoomView
          key={page.room}
          room={page.room}
          onBack={() => navigate(undefined)}
          onSearch={() => openSearch(workspace)}
          onInvite={() => openDialog((close) => <InviteDialog room={page.room} close={close} />)}
          onLeave={() => openDialog((close) => <LeaveDialog workspace={workspace} room={page.room} close={close} />)}
        />
      );
  }
}
