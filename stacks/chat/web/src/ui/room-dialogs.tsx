/** The dialogs around rooms: create, join, invite, leave, and the name that others see. */

import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { inviteLink, parseInvite } from "../core/invite.ts";
import { ApiError } from "../net/api.ts";
import { inviteCode } from "../state/invites.ts";
import type { RoomStore } from "../state/room.ts";
import type { WorkspaceStore } from "../state/workspace.ts";
import { t } from "../text/i18n.ts";
import { Dialog } from "./dialog.tsx";
import { Field, Form, required, useField, validate } from "./form.tsx";

interface DialogProps {
  workspace: WorkspaceStore;
  close: () => void;
}

export const unavailable = (): string => t("errorUnavailable");

/** Why somebody could not join a room. */
export function joinProblem(error: unknown): string {
  return error instanceof ApiError && error.status < 500 ? t("inviteWrong") : t("errorUnavailable");
}

export function NewRoomDialog({ workspace, close }: DialogProps): VNode {
  const name = useField();
  const action = async (): Promise<void> => {
    if (!validate(required(name))) return;
    await workspace.createRoom(name.value.value.trim());
    close();
  };
  return (
    <Dialog title={t("newRoom")} close={close}>
      <Form submit={t("createRoom")} action={action} explain={unavailable}>
        <Field state={name} label={t("roomName")} autocomplete="off" maxLength={80} />
      </Form>
    </Dialog>
  );
}

export function JoinDialog({ workspace, close }: DialogProps): VNode {
  const link = useField();
  const action = async (): Promise<void> => {
    const invite = parseInvite(link.value.value);
    if (!validate([link, invite === undefined ? "inviteLinkWrong" : undefined]) || invite === undefined) return;
    await workspace.join(invite.room, invite.code);
    close();
  };
  return (
    <Dialog title={t("joinRoom")} close={close}>
      <Form submit={t("join")} action={action} explain={joinProblem}>
        <Field state={link} label={t("inviteOrLink")} hint={t("inviteOrLinkHint")} autocomplete="off" inputMode="url" />
      </Form>
    </Dialog>
  );
}

export function NameDialog({ workspace, close }: DialogProps): VNode {
  const name = useField();
  const action = async (): Promise<void> => {
    if (!validate(required(name))) return;
    await workspace.setName(name.value.value.trim());
    close();
  };
  return (
    <Dialog title={t("nameTitle")} close={close}>
      <Form submit={t("nameSave")} action={action} explain={unavailable}>
        <Field
          state={name}
          label={t("displayName")}
          hint={t("displayNameHint")}
          autocomplete="nickname"
          maxLength={40}
        />
      </Form>
    </Dialog>
  );
}

interface RoomDialogProps extends DialogProps {
  room: RoomStore;
}

export function InviteDialog({ room, close }: Omit<RoomDialogProps, "workspace">): VNode {
  const code = inviteCode(room.id);
  return (
    <Dialog title={t("invite")} close={close}>
      {code === undefined ? <p>{t("inviteUnknown")}</p> : <InviteLink room={room} code={code} />}
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
      <Field state={link} label={t("inviteLink")} readOnly />
      <p class="dialog-actions">
        <span role="status">{copied.value && t("copied")}</span>
        <button type="button" class="button primary" onClick={() => void copy()}>
          {t("copy")}
        </button>
      </p>
    </>
  );
}

export function LeaveDialog({ workspace, room, close }: RoomDialogProps): VNode {
  const action = async (): Promise<void> => {
    await workspace.leave(room.id);
    close();
  };
  return (
    <Dialog title={t("leaveSure", { room: room.name })} close={close}>
      <p>{t("leaveHint")}</p>
      <Form submit={t("leave")} action={action} explain={unavailable} />
    </Dialog>
  );
}
