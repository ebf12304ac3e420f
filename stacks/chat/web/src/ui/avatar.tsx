/** A badge with the first letter of a name. Its colour is the same everywhere for the same id. */

import type { VNode } from "preact";

const HUES = 8;

function initial(name: string): string {
  return ([...name.trim()][0] ?? "?").toLocaleUpperCase();
}

function hueOf(id: string): number {
  let hash = 7;
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % HUES;
}

export function Avatar({ name, id, class: extra = "" }: { name: string; id: string; class?: string }): VNode {
  return (
    <span class={`avatar hue-${hueOf(id)} ${extra}`} aria-hidden="true">
      {initial(name)}
    </span>
  );
}
