/** The pages that are shown while no room is open. */

import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { isRefusal } from "../state/problems.ts";
import { navigate } from "../state/router.ts";
import type { WorkspaceStore } from "../state/workspace.ts";
import { t } from "../text/i18n.ts";
import { openDialog } from "./dialog.tsx";
import { Field, Form, required, useField, validate } from "./form.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { LinkButton } from "./link-button.tsx";
import { JoinDialog, joinProblem, NewRoomDialog } from "./room-dialogs.tsx";

interface PageProps {
  workspace: WorkspaceStore;
}

interface JoinProps extends PageProps {
  room: string;
  inviteCode: string | undefined;
}

function Frame({ icon, children }: { icon: IconName; children: ComponentChildren }): VNode {
  return (
    <div class="page">
      <span class="page-icon">
        <Icon name={icon} />
      </span>
      {children}
    </div>
  );
}

export function Loading(): VNode {
  return (
    <p class="loading" role="status">
      {t("loading")}
    </p>
  );
}

export function Welcome({ workspace }: PageProps): VNode {
  return (
    <Frame icon="messages">
      <h1>{t("welcome", { name: workspace.name.value })}</h1>
      <p>{t(workspace.rooms.empty.value ? "noRoomsHint" : "welcomeHint")}</p>
      <div class="page-actions">
        <button
          type="button"
          class="button primary"
          onClick={() => openDialog((close) => <NewRoomDialog workspace={workspace} close={close} />)}
        >
          <Icon name="plus" />
          {t("newRoom")}
        </button>
        <button
          type="button"
          class="button"
          onClick={() => openDialog((close) => <JoinDialog workspace={workspace} close={close} />)}
        >
          <Icon name="enter" />
          {t("joinRoom")}
        </button>
      </div>
    </Frame>
  );
}

export function Unavailable({ workspace }: PageProps): VNode {
  return (
    <Frame icon="offline">
      <h1>{t("errorUnavailable")}</h1>
      <button type="button" class="button primary" onClick={() => void workspace.navigation.show(true)}>
        {t("retry")}
      </button>
      <BackToRooms />
    </Frame>
  );
}

/** Who is not a member of the room learns nothing about it, not even whether it exists. */
export function Join({ workspace, room, inviteCode }: JoinProps): VNode {
  const code = useField(inviteCode);
  const heading = useRef<HTMLHeadingElement>(null);
  const invited = inviteCode !== undefined;
  useLayoutEffect(() => heading.current?.focus(), []);
  const action = async (): Promise<void> => {
    if (validate(required(code))) await workspace.join(room, code.value.value.trim());
  };
  return (
    <Frame icon={invited ? "mail" : "lock"}>
      <h1 ref={heading} tabIndex={-1}>
        {t(invited ? "invited" : "notOpen")}
      </h1>
      <p>{t(invited ? "invitedHint" : "notOpenHint")}</p>
      <Form
        submit={t("join")}
        action={action}
        explain={joinProblem}
        about={(error) => (!invited && isRefusal(error) ? code : undefined)}
      >
        {!invited && <Field state={code} label={t("inviteCode")} autocomplete="off" maxLength={64} />}
      </Form>
      <BackToRooms />
    </Frame>
  );
}

/** On a small screen the list of rooms is a page of its own. */
function BackToRooms(): VNode {
  return (
    <p class="way-back">
      <LinkButton onClick={() => navigate(undefined)}>{t("backToRooms")}</LinkButton>
    </p>
  );
}
