/** The list of rooms, and who is signed in. */

import type { VNode } from "preact";
import type { RoomSummary } from "../core/model.ts";
import { navigate, pathOf } from "../state/router.ts";
import type { WorkspaceStore } from "../state/workspace.ts";
import { t } from "../text/i18n.ts";
import { Avatar } from "./avatar.tsx";
import { openDialog } from "./dialog.tsx";
import { Icon, IconButton } from "./icons.tsx";
import { JoinDialog, NewRoomDialog } from "./room-dialogs.tsx";
import { openSearch } from "./search.tsx";
import { Settings, type SignOut } from "./settings.tsx";

interface SidebarProps {
  workspace: WorkspaceStore;
  onSignOut: SignOut;
}

export function Sidebar({ workspace, onSignOut }: SidebarProps): VNode {
  return (
    <nav class="sidebar" aria-label={t("rooms")}>
      <header class="sidebar-header">
        <h1 class="brand">
          <span class="brand-mark">
            <Icon name="messages" />
          </span>
          {t("product")}
        </h1>
        <IconButton icon="search" label={t("search")} onClick={() => openSearch(workspace)} />
        <IconButton
          icon="enter"
          label={t("joinRoom")}
          onClick={() => openDialog((close) => <JoinDialog workspace={workspace} close={close} />)}
        />
        <IconButton
          icon="plus"
          label={t("newRoom")}
          class="primary"
          onClick={() => openDialog((close) => <NewRoomDialog workspace={workspace} close={close} />)}
        />
      </header>
      <RoomList workspace={workspace} />
      <Profile workspace={workspace} onSignOut={onSignOut} />
    </nav>
  );
}

function RoomList({ workspace }: { workspace: WorkspaceStore }): VNode {
  const { navigation, rooms } = workspace;
  const open = navigation.route.value.room;
  return (
    <ul class="room-list">
      {rooms.sorted.value.map((one) => (
        <li key={one.room}>
          <RoomLink summary={one} current={one.room === open} />
        </li>
      ))}
      {rooms.empty.value && (
        <li class="no-rooms">
          <strong>{t("noRooms")}</strong>
          <p>{t("noRoomsHint")}</p>
        </li>
      )}
    </ul>
  );
}

function RoomLink({ summary, current }: { summary: RoomSummary; current: boolean }): VNode {
  const { name, room } = summary;
  const unread = current ? 0 : summary.unread;
  return (
    <a
      href={pathOf(room)}
      class={`room-link ${unread > 0 ? "unread" : ""}`}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        navigate(room);
      }}
    >
      <Avatar name={name} id={room} class="square" />
      <span class="room-name">{name}</span>
      {unread > 0 && (
        <span class="badge">
          <span aria-hidden="true">{unread > 99 ? t("unreadMany") : unread}</span>
          <span class="visually-hidden">{t("unread", { count: unread })}</span>
        </span>
      )}
    </a>
  );
}

function Profile({ workspace, onSignOut }: SidebarProps): VNode {
  const name = workspace.name.value || workspace.email;
  const region = workspace.region.value;
  const offline = workspace.connection.problem.value === "offline";
  const settings = (close: () => void): VNode => <Settings workspace={workspace} close={close} onSignOut={onSignOut} />;
  return (
    <div class="profile">
      <Avatar name={name} id={workspace.services.me} />
      <div class="profile-text">
        <span class="profile-name">{name}</span>
        {(region || offline) && (
          <span class="profile-region">{offline ? t("youOffline") : t("region", { region })}</span>
        )}
      </div>
      <IconButton icon="settings" label={t("settings")} onClick={() => openDialog(settings)} />
    </div>
  );
}
