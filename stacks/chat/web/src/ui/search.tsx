/** The dialog in which messages and attachments are searched. */

import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { navigate } from "../state/router.ts";
import { isEmpty, type Kind, SearchStore } from "../state/search.ts";
import type { WorkspaceStore } from "../state/workspace.ts";
import { type StringKey, t } from "../text/i18n.ts";
import { closeDialogs, Dialog, openDialog } from "./dialog.tsx";
import { Field, Form, Select, useField, validate } from "./form.tsx";
import { Results } from "./search-results.tsx";

const KINDS: readonly [Kind, StringKey][] = [
  ["messages", "searchMessages"],
  ["attachments", "searchAttachments"],
];
const TYPES: readonly [string, StringKey][] = [
  ["", "typeAny"],
  ["image/", "typeImages"],
  ["application/pdf", "typePdf"],
];

/** Ctrl+K and ⌘K everywhere, / where nothing is written. */
export function searchByKey(workspace: WorkspaceStore): (event: KeyboardEvent) => void {
  return (event) => {
    const target = event.target as HTMLElement;
    const writes = target.matches("input, textarea, select") || target.isContentEditable;
    const command = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
    const slash = event.key === "/" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!(command || slash) || document.querySelector("dialog[open]") !== null) return;
    event.preventDefault();
    openSearch(workspace);
  };
}

export function openSearch(workspace: WorkspaceStore): void {
  openDialog((close) => <SearchDialog workspace={workspace} close={close} />);
}

function SearchDialog({ workspace, close }: { workspace: WorkspaceStore; close: () => void }): VNode {
  const [store] = useState(() => new SearchStore(workspace.services));
  const room = workspace.navigation.opened();
  const everywhere = useSignal(room === undefined);
  const text = useField();
  const from = useField();
  const to = useField();
  const rooms = (): string[] => {
    if (room !== undefined && !everywhere.value) return [room.id];
    return workspace.rooms.sorted.peek().map((one) => one.room);
  };
  const search = async (): Promise<void> => {
    store.change({ text: text.value.value, from: from.value.value, to: to.value.value });
    // All attachments are a list that somebody may want to see; all messages are the conversation itself.
    const nothing = store.kind.peek() === "messages" && isEmpty(store.filters.peek());
    if (validate([text, nothing ? "errorSearchEmpty" : undefined])) await store.search(rooms());
  };
  const show = (id: string, message: string): void => {
    closeDialogs();
    navigate(id, message);
  };
  return (
    <Dialog title={t("search")} class="search" close={close}>
      <search>
        <Form submit={t("search")} action={search} explain={String}>
          <Field state={text} label={t("searchText")} hint={t("searchHint")} autocomplete="off" maxLength={255} />
          <div class="search-filters">
            {room !== undefined && (
              <Select
                label={t("searchWhere")}
                options={[
                  ["room", room.name],
                  ["all", t("searchEverywhere")],
                ]}
                value={everywhere.value ? "all" : "room"}
                onChange={(value) => {
                  everywhere.value = value === "all";
                  store.change({ author: "" });
                }}
              />
            )}
            {room !== undefined && !everywhere.value && (
              <Select
                label={t("searchAuthor")}
                options={[
                  ["", t("anybody")],
                  ...room.members.value.map(({ user }) => [user, room.nameOf(user)] as const),
                ]}
                value={store.filters.value.author}
                onChange={(author) => store.change({ author })}
              />
            )}
            <Field state={from} label={t("searchFrom")} type="date" />
            <Field state={to} label={t("searchTo")} type="date" />
            {store.kind.value === "attachments" && (
              <Select
                label={t("searchType")}
                options={TYPES.map(([value, label]) => [value, t(label)] as const)}
                value={store.filters.value.type}
                onChange={(type) => store.change({ type })}
              />
            )}
          </div>
        </Form>
      </search>
      <Tabs store={store} onSelect={(kind) => void store.show(kind, rooms())} />
      <Results workspace={workspace} store={store} everywhere={everywhere.value} onShow={show} />
    </Dialog>
  );
}

interface TabsProps {
  store: SearchStore;
  onSelect: (kind: Kind) => void;
}

/** One tab is a stop of the keyboard; the arrows go to the other. */
function Tabs({ store, onSelect }: TabsProps): VNode {
  return (
    <div
      class="tabs"
      role="tablist"
      aria-label={t("searchKinds")}
      onKeyDown={(event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const other = event.currentTarget.querySelector<HTMLElement>("[aria-selected=false]");
        other?.click();
        other?.focus();
      }}
    >
      {KINDS.map(([kind, label]) => {
        const selected = store.kind.value === kind;
        return (
          <button
            key={kind}
            type="button"
            role="tab"
            class="tab"
            id={`tab-${kind}`}
            aria-selected={selected}
            aria-controls="search-results"
            tabIndex={selected ? 0 : -1}
            onClick={() => onSelect(kind)}
          >
            {t(label)}
          </button>
        );
      })}
    </div>
  );
}
