/** Asks before a message is deleted for everybody. */

import type { VNode } from "preact";
import type { Message } from "../core/model.ts";
import { explain } from "../state/problems.ts";
import type { RoomStore } from "../state/room.ts";
import { t } from "../text/i18n.ts";
import { Dialog, openDialog } from "./dialog.tsx";
import { Form } from "./form.tsx";

interface DeleteDialogProps {
  message: Message;
  room: RoomStore;
  close: () => void;
}

export function openDeleteDialog(message: Message, room: RoomStore): void {
  openDialog((close) => <DeleteDialog message={message} room={room} close={close} />);
}

function DeleteDialog({ message, room, close }: DeleteDialogProps): VNode {
  const action = async (): Promise<void> => {
    room.changes.remove(message);
    close();
  };
  return (
    <Dialog title={t("deleteMessageSure")} close={close}>
      <p>{t("deleteMessageHint")}</p>
      <Form submit={t("deleteMessage")} action={action} explain={explain} />
    </Dialog>
  );
}
