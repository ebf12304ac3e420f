/** Buttons that look like links. */

import type { ComponentChildren, VNode } from "preact";
import { type StringKey, t } from "../text/i18n.ts";

export function LinkButton({ onClick, children }: { onClick: () => void; children: ComponentChildren }): VNode {
  return (
    <button type="button" class="link-button" onClick={onClick}>
      {children}
    </button>
  );
}

interface WayProps {
  question?: StringKey;
  label: StringKey;
  onClick: () => void;
}

/** The way to another step, after a question that it answers. */
export function Way({ question, label, onClick }: WayProps): VNode {
  return (
    <p class="auth-switch">
      {question && `${t(question)} `}
      <LinkButton onClick={onClick}>{t(label)}</LinkButton>
    </p>
  );
}
