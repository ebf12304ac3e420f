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

interface StepLinkProps {
  question?: StringKey;
  label: StringKey;
  onClick: () => void;
}

/** A link to another step, after the question that it answers. */
export function StepLink({ question, label, onClick }: StepLinkProps): VNode {
  return (
    <p class="auth-switch">
      {question && `${t(question)} `}
      <LinkButton onClick={onClick}>{t(label)}</LinkButton>
    </p>
  );
}
