/** One open room: header, conversation, who types, and the composer. */

import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import type { RoomStore } from "../state/room.ts";
import { t } from "../text/i18n.ts";
import { Composer } from "./composer.tsx";
import { openDialog } from "./dialog.tsx";
import { History } from "./history.tsx";
import { IconButton } from "./icons.tsx";
import { PeopleDialog } from "./member-dialogs.tsx";

interface RoomProps {
  room: RoomStore;
  onBack: () => void;
  onSearch: () => void;
  onInvite: () => void;
  onLeave: () => void;
}

export function RoomView({ room, onBack, onSearch, onInvite, onLeave }: RoomProps): VNode {
  const dropping = useSignal(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping a file does what the button for attaching does
    <section
      class={`room ${dropping.value ? "dropping" : ""}`}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        dropping.value = true;
      }}
      onDragLeave={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget as Node | null)) dropping.value = false;
      }}
      onDrop={(event) => {
        dropping.value = false;
        const files = event.dataTransfer?.files;
        if (!files?.length) return;
        event.preventDefault();
        room.composer.attach(files);
        event.currentTarget.querySelector("textarea")?.focus();
      }}
    >
      <header class="room-header">
        <IconButton icon="back" label={t("backToRooms")} onClick={onBack} class="back" />
        <div class="room-title">
          <h1>{room.name}</h1>
          <People room={room} />
        </div>
        <IconButton icon="search" label={t("searchRoom")} onClick={onSearch} />
        <IconButton icon="invite" label={t("invite")} onClick={onInvite} />
        <IconButton icon="leave" label={t("leave")} onClick={onLeave} />
      </header>
      <History room={room} />
      <Typing room={room} />
      <Composer
        store={room.composer}
        room={room.name}
        nameOf={(user) => (user === room.services.me ? undefined : room.nameOf(user))}
      />
      <div class="drop-hint" aria-hidden="true">
        {t("dropHere")}
      </div>
    </section>
  );
}

function People({ room }: { room: RoomStore }): VNode {
  const members = room.members.value;
  const online = members.filter((member) => member.online || member.user === room.services.me).length;
  const count = members.length === 1 ? t("membersOne") : t("membersCount", { count: members.length });
  // Who is there is known only while the page is connected.
  const connected = room.services.online.value;
  return (
    <button
      type="button"
      class="link-button people"
      onClick={() => openDialog((close) => <PeopleDialog room={room} close={close} />)}
    >
      <span class={`dot ${connected ? "" : "unknown"}`} aria-hidden="true" />
      {`${count} · ${connected ? t("onlineCount", { count: online }) : t("youOffline")}`}
    </button>
  );
}

function Typing({ room }: { room: RoomStore }): VNode {
  const names = room.typing.value.map((user) => room.nameOf(user));
  const [name = "", other = ""] = names;
  const text = names.length === 1 ? "typingOne" : names.length === 2 ? "typingTwo" : "typingMany";
  return <p class="typing">{names.length > 0 && t(text, { name, other })}</p>;
}
