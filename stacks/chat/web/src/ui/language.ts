/** The two languages side by side, each in its own words. */

import { h } from "./dom.ts";
import { currentLanguage, t } from "./i18n.ts";
import { rememberLanguage } from "./preferences.ts";

const NAMES = { en: "English", ja: "日本語" } as const;

export function languageSwitch(onChange: () => void): HTMLElement {
  const buttons = Object.entries(NAMES).map(([language, name]) =>
    h(
      "button",
      {
        type: "button",
        lang: language,
        "aria-pressed": String(language === currentLanguage()),
        onclick: () => {
          rememberLanguage(language);
          onChange();
        },
      },
      name,
    ),
  );
  return h("div", { class: "languages", role: "group", "aria-label": t("language") }, ...buttons);
}
