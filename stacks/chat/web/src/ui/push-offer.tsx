/** A line that offers notifications while the page is closed; the browser asks for permission after a click on it. */

import type { VNode } from "preact";
import { toast } from "../state/feedback.ts";
import type { PushStore } from "../state/push.ts";
import { t } from "../text/i18n.ts";
import { Icon, IconButton } from "./icons.tsx";
import { LinkButton } from "./link-button.tsx";

export function switchOn(push: PushStore): void {
  push.enable().catch(() => toast(t("pushFailed"), "error"));
}

export function PushOffer({ push }: { push: PushStore }): VNode | null {
  if (!push.offered.value) return null;
  return (
    <div class="offer">
      <Icon name="bell" />
      <span>{t("pushOffer")}</span>
      <LinkButton onClick={() => switchOn(push)}>{t("pushEnable")}</LinkButton>
      <IconButton icon="close" label={t("notNow")} onClick={() => push.dismiss()} />
    </div>
  );
}
