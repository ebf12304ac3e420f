/** The keyboard in the list of messages: one of them has the focus, the arrows move it, and letters act on it. */

import type { Shown } from "../core/changes.ts";
import { EMOJI } from "../state/changes.ts";
import type { RoomStore } from "../state/room.ts";
import { openDeleteDialog } from "./delete-dialog.tsx";

/** The key of each action, as the menu shows it. */
export const KEYS = { answer: "R", edit: "E", copyLink: "L", deleteMessage: "Delete" } as const;

/** What a key does at a message that has the focus; keys in its buttons and fields are their own. */
export function onMessageKey(event: KeyboardEvent, message: Shown, room: RoomStore): void {
  const { currentTarget, target } = event;
  if (target !== currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!(currentTarget instanceof HTMLElement) || !act(event, currentTarget, message, room)) return;
  event.preventDefault();
}

function act({ key, shiftKey }: KeyboardEvent, element: HTMLElement, message: Shown, room: RoomStore): boolean {
  const { changes, composer } = room;
  const emoji = EMOJI[Number(key) - 1];
  if (key in MOVES) return move(element, key);
  if (message.deleted !== undefined) return false;
  if (key === "Enter" || key === "ContextMenu" || (key === "F10" && shiftKey)) changes.menu.value = message.id;
  else if (key === "r") composer.answering.value = message;
  else if (key === "l") void changes.copyLink(message);
  else if (key === "e" && changes.mayEdit(message)) changes.editing.value = message.id;
  else if (key === "Delete" && changes.mayDelete(message)) openDeleteDialog(message, room);
  else if (emoji !== undefined) changes.react(message, emoji);
  else return false;
  return true;
}

const MOVES: Record<string, (all: Element[], at: number) => Element | undefined> = {
  ArrowUp: (all, at) => all[at - 1],
  ArrowDown: (all, at) => all[at + 1],
  Home: (all) => all[0],
  End: (all) => all.at(-1),
};

function move(element: HTMLElement, key: string): boolean {
  const all = [...(element.parentElement?.querySelectorAll(":scope > [data-id]") ?? [])];
  const to = MOVES[key]?.(all, all.indexOf(element));
  if (to instanceof HTMLElement) to.focus();
  return true;
}

/** Put the focus on a message, from which the keyboard goes on. */
export function focusMessage(id: string): void {
  for (const element of document.querySelectorAll<HTMLElement>(".messages > [data-id]")) {
    if (element.dataset["id"] === id) element.focus();
  }
}
