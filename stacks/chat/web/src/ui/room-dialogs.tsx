/** The dialogs around rooms: create, join, leave, and the name that others see. */

import type { VNode } from "preact";
import { parseInvite } from "../core/invite.ts";
import { explain, isRefusal } from "../state/problems.ts";
import type { RoomStore } from "../state/room.ts";
import type { WorkspaceStore } from "../state/workspace.ts";
import { t } from "../text/i18n.ts";
import { Dialog } from "./dialog.tsx";
import { Field, Form, required, useField, validate } from "./form.tsx";

interface DialogProps {
  workspace: WorkspaceStore;
  close: () => void;
}

/** Why somebody could not join a room. */
export function joinProblem(error: unknown): string {
  return explain(error, t("inviteWrong"));
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
      <Form
        submit={t("createRoom")}
        action={action}
        explain={explain}
        about={(error) => (isRefusal(error) ? name : undefined)}
      >
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
      <Form
        submit={t("join")}
        action={action}
        explain={joinProblem}
        about={(error) => (isRefusal(error) ? link : undefined)}
      >
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
      <Form
        submit={t("nameSave")}
        action={action}
        explain={explain}
        about={(error) => (isRefusal(error) ? name : undefined)}
      >
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

export function LeaveDialog({ workspace, room, close }: RoomDialogProps): VNode {
  const action = async (): Promise<void> => {
    await workspace.leave(room.id);
    close();
  };
  return (
    <Dialog title={t("leaveSure", { room: room.name })} close={close}>
      <p>{t("leaveHint")}</p>
      <Form submit={t("leave")} action={action} explain={explain} />
    </Dialog>
  );
}
