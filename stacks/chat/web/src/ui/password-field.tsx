/** A new password, with the rules that it meets so far. */

import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { PASSWORD_RULES, type PasswordRule, unmetRules } from "../core/password.ts";
import { type StringKey, t } from "../text/i18n.ts";
import { Checkbox, Field, type FieldState } from "./form.tsx";
import { Icon } from "./icons.tsx";

const RULES = Object.keys(PASSWORD_RULES) as PasswordRule[];

export function strong(field: FieldState): [FieldState, StringKey | undefined] {
  return [field, unmetRules(field.value.value).length > 0 ? "errorPassword" : undefined];
}

export function PasswordField({ state, label }: { state: FieldState; label: string }): VNode {
  const shown = useSignal(false);
  const unmet = unmetRules(state.value.value);
  return (
    <>
      <Field state={state} label={label} type={shown.value ? "text" : "password"} autocomplete="new-password" />
      <ul class="rules" aria-label={t("passwordRules")}>
        {RULES.map((rule) => {
          const met = !unmet.includes(rule);
          return (
            <li key={rule} class={met ? "met" : ""}>
              <Icon name="check" />
              <span>{t(rule)}</span>
              <span class="visually-hidden"> ({t(met ? "ruleMet" : "ruleUnmet")})</span>
            </li>
          );
        })}
      </ul>
      <Checkbox
        label={t("showPassword")}
        checked={shown.value}
        onChange={(checked) => {
          shown.value = checked;
        }}
      />
    </>
  );
}
