/** What somebody chose on this device: language and theme. */

import { chooseLanguage, setLanguage } from "./i18n.ts";

const LANGUAGE = "chat.language";
const THEME = "chat.theme";

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

/** @param language empty for the browser's */
export function rememberLanguage(language: string): void {
  if (language === "") localStorage.removeItem(LANGUAGE);
  else localStorage.setItem(LANGUAGE, language);
  applyPreferences();
}

export function applyPreferences(): void {
  setLanguage(chooseLanguage(chosenLanguage() || null, navigator.languages));
  document.documentElement.dataset["theme"] = chosenTheme();
}
