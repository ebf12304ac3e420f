/** Everything that people read, by language. English has the keys; each other language must have the same ones. */

import { en } from "./en.ts";
import { enMessages } from "./en-messages.ts";
import { ja } from "./ja.ts";
import { jaMessages } from "./ja-messages.ts";

export type Strings = Record<keyof typeof en, string>;
export type StringKey = keyof typeof en | keyof typeof enMessages;

export const LANGUAGES: Record<"en" | "ja", Record<StringKey, string>> = {
  en: { ...en, ...enMessages },
  ja: { ...ja, ...jaMessages },
};
export type Language = keyof typeof LANGUAGES;
