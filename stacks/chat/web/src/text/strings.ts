/** Everything that people read, by language. English has the keys; each other language must have the same ones. */

import { en } from "./en.ts";
import { ja } from "./ja.ts";

export type StringKey = keyof typeof en;
export type Strings = Record<StringKey, string>;

export const LANGUAGES = { en, ja } as const;
export type Language = keyof typeof LANGUAGES;
