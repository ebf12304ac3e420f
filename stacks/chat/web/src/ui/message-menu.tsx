/** What can be done to a message: a button beside it, and the menu that the button opens. */

import { useComputed } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Shown } from "../core/changes.ts";
import { EMOJI } from "../state/changes.ts";
import type { RoomStore } from "../state/room.ts";
import { t } from "../text/i18n.ts";
import { openDeleteDialog } from "./delete-dialog.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { focusMessage, KEYS } from "./message-keys.ts";

interface MenuProps {
  message: Shown;
  room: RoomStore;
  /** Whether the tab key reaches the message. */
  reached: boolean;
}

export function MessageMenu({ message, room, reached }: MenuProps): VNode {
  const { changes, services } = room;
  const open = useComputed(() => changes.menu.value === message.id).value;
  const mine = message.author === services.me;
  const label = mine ? t("messageActionsYours") : t("messageActions", { name: room.nameOf(message.author) });
  return (
    <div class="message-menu">
      <button
        type="button"
        class="icon-button small"
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        tabIndex={reached ? 0 : -1}
        onClick={() => {
          changes.menu.value = open ? undefined : message.id;
        }}
      >
        <Icon name="more" />
      </button>
      {open && <Menu message={message} room={room} label={label} />}
    </div>
  );
}

function Menu({ message, room, label }: { message: Shown; room: RoomStore; label: string }): VNode {
  const { changes, composer, services } = room;
  const ref = useRef<HTMLDivElement>(null);
  const mine = message.reactions?.[services.me]?.[0];
  useLayoutEffect(() => {
    place(ref.current);
    items(ref.current)[0]?.focus({ preventScroll: true });
  }, []);
  const close = (then?: () => void): void => {
    changes.menu.value = undefined;
    focusMessage(message.id);
    then?.();
  };
  return (
    <div
      ref={ref}
      role="menu"
      tabIndex={-1}
      aria-label={label}
      class="menu"
      // Not every browser gives the focus to a button that is pressed; the menu would be closed before the click.
      onMouseDown={(event) => event.preventDefault()}
      onFocusOut={({ relatedTarget }) => {
        if (!ref.current?.contains(relatedTarget as Node | null)) changes.menu.value = undefined;
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape" || event.key === "Tab") close();
        else if (!step(ref.current, event.key)) return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is no part of a menu */}
      <div role="group" aria-label={t("reactions")} class="menu-emoji">
        {EMOJI.map((emoji, number) => (
          <button
            key={emoji}
            type="button"
            role="menuitemradio"
            aria-checked={mine === emoji}
            aria-keyshortcuts={String(number + 1)}
            aria-label={t("react", { emoji })}
            tabIndex={-1}
            onClick={() => close(() => changes.react(message, emoji))}
          >
            {emoji}
          </button>
        ))}
      </div>
      <Item
        icon="answer"
        name="answer"
        onClick={() =>
          close(() => {
            composer.answering.value = message;
          })
        }
      />
      {changes.mayEdit(message) && (
        <Item
          icon="edit"
          name="edit"
          onClick={() =>
            close(() => {
              changes.editing.value = message.id;
            })
          }
        />
      )}
      <Item icon="link" name="copyLink" onClick={() => close(() => void changes.copyLink(message))} />
      {changes.mayDelete(message) && (
        <Item icon="delete" name="deleteMessage" onClick={() => close(() => openDeleteDialog(message, room))} />
      )}
    </div>
  );
}

function Item({ icon, name, onClick }: { icon: IconName; name: keyof typeof KEYS; onClick: () => void }): VNode {
  return (
    <button type="button" role="menuitem" tabIndex={-1} aria-keyshortcuts={KEYS[name]} onClick={onClick}>
      <Icon name={icon} />
      <span>{t(name)}</span>
      <span class="key" aria-hidden="true">
        {KEYS[name]}
      </span>
    </button>
  );
}

function items(menu: HTMLElement | null): HTMLElement[] {
  return [...(menu?.querySelectorAll<HTMLElement>("button") ?? [])];
}

/** Move the focus in the menu. */
function step(menu: HTMLElement | null, key: string): boolean {
  const all = items(menu);
  const at = all.indexOf(document.activeElement as HTMLElement);
  const to: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowRight: at + 1,
    ArrowUp: at - 1,
    ArrowLeft: at - 1,
    Home: 0,
    End: -1,
  };
  const next = to[key];
  if (next === undefined) return false;
  all.at(next % all.length)?.focus();
  return true;
}

/** Above or below its button, wherever there is room; the list of messages would cut it off. */
function place(menu: HTMLElement | null): void {
  const button = menu?.parentElement?.getBoundingClientRect();
  if (!menu || button === undefined) return;
  const { height, width } = menu.getBoundingClientRect();
  const top = button.bottom + height < innerHeight ? button.bottom : Math.max(0, button.top - height);
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.max(8, Math.min(button.left, innerWidth - width - 8))}px`;
}
