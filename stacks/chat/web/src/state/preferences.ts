/** The preferences that are stored on this device: language and theme. */

import { LANGUAGE, THEME } from "../core/storage.ts";
import { chooseLanguage, language } from "../text/i18n.ts";

/** The name that was given with the sign-up, until the first session stores it. */
const NAME = "chat.name";

export type Theme = "system" | "light" | "dark";

export function chosenLanguage(): string {
  return localStorage.getItem(LANGUAGE) ?? "";
}

export function chosenTheme(): Theme {
  const theme = localStorage.getItem(THEME);
  return theme === "light" || theme === "dark" ? theme : "system";
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(THEME, theme);
  applyPreferences();
}

/** @param chosen empty for the browser's language */
export function rememberLanguage(chosen: string): void {
  if (chosen === "") localStorage.removeItem(LANGUAGE);
  else localStorage.setItem(LANGUAGE, chosen);
  applyPreferences();
}

export function applyPreferences(): void {
  language.value = chooseLanguage(chosenLanguage() || null, navigator.languages);
  document.documentElement.lang = language.value;
  document.documentElement.dataset["theme"] = chosenTheme();
}

export function chosenName(): string | undefined {
  return localStorage.getItem(NAME) ?? undefined;
}

export function chooseName(name: string): void {
  localStorage.setItem(NAME, name);
}

export function forgetName(): void {
  localStorage.removeItem(NAME);
}
