/** The languages side by side, each under its own name. */

import type { VNode } from "preact";
import { rememberLanguage } from "../state/preferences.ts";
import { language, t } from "../text/i18n.ts";

export const LANGUAGE_NAMES = [
  ["en", "English"],
  ["ja", "日本語"],
] as const;

export function LanguageSwitch(): VNode {
  return (
    <fieldset class="languages" aria-label={t("language")}>
      {LANGUAGE_NAMES.map(([key, name]) => (
        <button
          key={key}
          type="button"
          lang={key}
          aria-pressed={key === language.value}
          onClick={() => rememberLanguage(key)}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}
