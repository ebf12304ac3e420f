/** The language of the page: the chosen one, else the first of the browser's languages that is available. */

import { computed, signal } from "@preact/signals";
import { LANGUAGES, type Language, type StringKey } from "./strings.ts";

export type { Language, StringKey };

export function chooseLanguage(chosen: string | null, preferred: readonly string[]): Language {
  const wanted = [chosen, ...preferred].map((one) => one?.slice(0, 2).toLowerCase());
  return wanted.find((one): one is Language => one !== undefined && one in LANGUAGES) ?? "en";
}

/** A view that has called one of the functions below is rendered again when this changes. */
export const language = signal<Language>("en");

export function t(key: StringKey, values: Record<string, string | number> = {}): string {
  return LANGUAGES[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

// Making a formatter is slow, so all messages share one.
const time = computed(() => new Intl.DateTimeFormat(language.value, { hour: "numeric", minute: "2-digit" }));
const moment = computed(() => new Intl.DateTimeFormat(language.value, { dateStyle: "long", timeStyle: "short" }));

export function formatTime(date: Date): string {
  return time.value.format(date);
}

export function formatMoment(date: Date): string {
  return moment.value.format(date);
}

export function dayKey(date: Date): string {
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

export function formatDay(date: Date, now: Date = new Date()): string {
  if (dayKey(date) === dayKey(now)) return t("today");
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (dayKey(date) === dayKey(yesterday)) return t("yesterday");
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" as const };
  return new Intl.DateTimeFormat(language.value, { weekday: "long", month: "long", day: "numeric", ...year }).format(
    date,
  );
}

export function formatSize(bytes: number): string {
  const mega = bytes >= 1_000_000;
  return new Intl.NumberFormat(language.value, {
    style: "unit",
    unit: mega ? "megabyte" : "kilobyte",
    maximumFractionDigits: mega ? 1 : 0,
  }).format(mega ? bytes / 1_000_000 : Math.max(1, bytes / 1_000));
}
