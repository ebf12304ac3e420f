/** The dialogs about who is in a room: its members, how others come in, and how its creator changes both. */

import { type Signal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { inviteLink } from "../core/invite.ts";
import type { Member } from "../core/model.ts";
import { toast } from "../state/feedback.ts";
import { inviteCode } from "../state/invites.ts";
import { explain } from "../state/problems.ts";
import type { RoomStore } from "../state/room.ts";
import { t } from "../text/i18n.ts";
import { Avatar } from "./avatar.tsx";
import { Dialog, openDialog } from "./dialog.tsx";
import { Field, Form, useField } from "./form.tsx";
import { IconButton } from "./icons.tsx";

interface DialogProps {
  room: RoomStore;
  close: () => void;
}

export function PeopleDialog({ room, close }: DialogProps): VNode {
  const members = [...room.members.value].sort(
    (one, other) => Number(other.online) - Number(one.online) || (one.name ?? "").localeCompare(other.name ?? ""),
  );
  return (
    <Dialog title={t("members")} close={close}>
      {!room.services.online.value && <p role="status">{t("presenceOld")}</p>}
      <ul class="member-list">
        {members.map((member) => (
          <li key={member.user}>
            <MemberView room={room} member={member} />
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function MemberView({ room, member: { user, name, online } }: { room: RoomStore; member: Member }): VNode {
  const me = user === room.services.me;
  const shown = name ?? t("somebody");
  return (
    <>
      <Avatar name={shown} id={user} class={online || me ? "online" : ""} />
      <span class="member-name">
        {shown}
        {me && ` (${t("you")})`}
      </span>
      <span class="member-state">{t(online || me ? "online" : "away")}</span>
      {room.creator.value && !me && (
        <IconButton
          icon="remove"
          label={t("removeMember", { name: shown })}
          onClick={() => openDialog((close) => <RemoveDialog room={room} user={user} name={shown} close={close} />)}
        />
      )}
    </>
  );
}

function RemoveDialog({ room, user, name, close }: DialogProps & { user: string; name: string }): VNode {
  const action = async (): Promise<void> => {
    await room.removeMember(user);
    close();
    toast(t("memberRemoved", { name }));
  };
  return (
    <Dialog title={t("removeSure", { name, room: room.name })} close={close}>
      <p>{t("removeHint", { name })}</p>
      <Form submit={t("remove")} action={action} explain={explain} />
    </Dialog>
  );
}

export function InviteDialog({ room, close }: DialogProps): VNode {
  const code = useSignal(inviteCode(room.id));
  return (
    <Dialog title={t("invite")} close={close}>
      {code.value === undefined ? (
        <p>{t(room.creator.value ? "inviteUnknownCreator" : "inviteUnknown")}</p>
      ) : (
        <InviteLink key={code.value} room={room} code={code.value} />
      )}
      {room.creator.value && <NewInvite room={room} code={code} />}
    </Dialog>
  );
}

function InviteLink({ room, code }: { room: RoomStore; code: string }): VNode {
  const link = useField(inviteLink(location.origin, { room: room.id, code }));
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    link.input.current?.select();
    await navigator.clipboard.writeText(link.value.value).then(
      () => {
        copied.value = true;
      },
      // The link is selected, so it can be copied by hand.
      () => undefined,
    );
  };
  return (
    <>
      <p>{t("inviteIntro", { room: room.name })}</p>
      <Field state={link} label={t("inviteLink")} hint={room.creator.value ? "" : t("inviteMayBeOld")} readOnly />
      <p class="dialog-actions">
        <span role="status">{copied.value && t("copied")}</span>
        <button type="button" class="button primary" onClick={() => void copy()}>
          {t("copy")}
        </button>
      </p>
    </>
  );
}

function NewInvite({ room, code }: { room: RoomStore; code: Signal<string | undefined> }): VNode {
  const action = async (): Promise<void> => {
    code.value = await room.changeInviteCode();
    toast(t("inviteReplaced"));
  };
  return (
    <div class="dialog-more">
      <p>{t("newInviteHint")}</p>
      <Form submit={t("newInvite")} kind="" action={action} explain={explain} />
    </div>
  );
}
