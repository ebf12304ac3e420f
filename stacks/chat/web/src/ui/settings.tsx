/** The settings: name, appearance, language, notices. They are stored when the dialog is saved. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "../net/requests.ts";
import { toast } from "../state/feedback.ts";
import { NoticesStore } from "../state/notices.ts";
import { chooseTheme, chosenLanguage, chosenTheme, rememberLanguage, type Theme } from "../state/preferences.ts";
import { explain, isRefusal } from "../state/problems.ts";
import type { PushStore } from "../state/push.ts";
import type { WorkspaceStore } from "../state/workspace.ts";
import { type StringKey, t } from "../text/i18n.ts";
import { Dialog, openDialog } from "./dialog.tsx";
import { Checkbox, Field, Form, required, Select, useField, validate } from "./form.tsx";
import { LANGUAGE_NAMES } from "./language-switch.tsx";
import { switchOn } from "./push-offer.tsx";

/** Minutes between two notices of a room. */
const QUIET = [5, 15, 30, 60, 240, 1440];

interface SettingsProps {
  workspace: WorkspaceStore;
  close: () => void;
  onSignOut: SignOut;
}

/** @param notice what the page says then */
export type SignOut = (notice?: StringKey) => void;

export function Settings({ workspace, close, onSignOut }: SettingsProps): VNode {
  const name = useField(workspace.name.value);
  const theme = useSignal(chosenTheme());
  const language = useSignal(chosenLanguage());
  const [notices] = useState(() => new NoticesStore(workspace.services.api));
  const save = async (): Promise<void> => {
    if (!validate(required(name))) return;
    rememberLanguage(language.value);
    await notices.save();
    const wanted = name.value.value.trim();
    if (wanted !== workspace.name.value) await workspace.setName(wanted);
    close();
    toast(t("saved"));
  };
  return (
    <Dialog title={t("settings")} class="settings" close={close}>
      <Form
        submit={t("save")}
        action={save}
        explain={(error) => explain(error, isConflict(error) ? t("noticesNoAddress") : undefined)}
        about={(error) => (isRefusal(error) && !isConflict(error) ? name : undefined)}
      >
        <Group title={t("profile")}>
          <Field state={name} label={t("displayName")} hint={t("displayNameHint")} maxLength={40} />
        </Group>
        <Group title={t("appearance")}>
          <Select
            label={t("theme")}
            options={[
              ["system", t("themeSystem")],
              ["light", t("themeLight")],
              ["dark", t("themeDark")],
            ]}
            value={theme.value}
            onChange={(value) => {
              theme.value = value as Theme;
              chooseTheme(theme.value);
            }}
          />
          <Select
            label={t("language")}
            options={[["", t("languageAuto")], ...LANGUAGE_NAMES]}
            value={language.value}
            onChange={(value) => {
              language.value = value;
            }}
          />
        </Group>
        {notices.status.value !== "none" && <Notices store={notices} push={workspace.push} />}
      </Form>
      <footer class="settings-footer">
        <p>{t("signedInAs", { email: workspace.email })}</p>
        <button
          type="button"
          class="link-button"
          onClick={() => {
            openDialog((cancel) => <DeleteAccount workspace={workspace} close={cancel} onSignOut={onSignOut} />);
          }}
        >
          {t("deleteAccount")}
        </button>
        <button
          type="button"
          class="button danger"
          onClick={() => {
            close();
            onSignOut();
          }}
        >
          {t("signOut")}
        </button>
      </footer>
    </Dialog>
  );
}

const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;

/** What cannot be undone asks for the address to be typed. */
function DeleteAccount({ workspace, close, onSignOut }: SettingsProps): VNode {
  const email = useField();
  const action = async (): Promise<void> => {
    const same = email.value.value.trim().toLowerCase() === workspace.email.toLowerCase();
    if (!validate([email, same ? undefined : "errorNotYourEmail"])) return;
    await workspace.deleteAccount();
    onSignOut("accountDeleted");
  };
  return (
    <Dialog title={t("deleteSure")} close={close}>
      <p>{t("deleteHint")}</p>
      <Form submit={t("deleteAccount")} kind="danger" action={action} explain={explain}>
        <Field
          state={email}
          label={t("deleteConfirm", { email: workspace.email })}
          type="email"
          inputMode="email"
          autocomplete="off"
        />
      </Form>
    </Dialog>
  );
}

function Group({ title, children }: { title: string; children: ComponentChildren }): VNode {
  return (
    <fieldset>
      <legend>{title}</legend>
      {children}
    </fieldset>
  );
}

function Notices({ store, push: browser }: { store: NoticesStore; push: PushStore }): VNode {
  const { mail, push, quiet_minutes: quiet } = store.settings.value;
  const disabled = !store.ready.value;
  const choices = QUIET.includes(quiet) ? QUIET : [...QUIET, quiet];
  return (
    <Group title={t("notices")}>
      <div>
        <Checkbox
          label={t("noticesMail")}
          checked={mail}
          disabled={disabled}
          onChange={(checked) => store.change({ mail: checked })}
        />
        <Checkbox
          label={t("noticesPush")}
          checked={push}
          disabled={disabled}
          onChange={(checked) => store.change({ push: checked })}
        />
        {browser.state.value !== "unavailable" && <ThisBrowser store={store} push={browser} />}
        <Select
          label={t("noticesQuiet")}
          options={choices.map((minutes) => [String(minutes), duration(minutes)])}
          value={String(quiet)}
          disabled={disabled}
          onChange={(value) => store.change({ quiet_minutes: Number(value) })}
        />
        {disabled && (
          <p class="field-hint" role="status">
            {t(store.status.value === "loading" ? "loading" : "noticesUnavailable")}
          </p>
        )}
      </div>
    </Group>
  );
}

/** Switched at once: a browser asks for permission after a click only. */
function ThisBrowser({ store, push }: { store: NoticesStore; push: PushStore }): VNode {
  const state = push.state.value;
  const change = (on: boolean): void => {
    if (!on) {
      void push.disable();
      return;
    }
    store.change({ push: true });
    switchOn(push);
  };
  return (
    <>
      <Checkbox label={t("noticesBrowser")} checked={state === "on"} disabled={state === "blocked"} onChange={change} />
      {state === "blocked" && <p class="field-hint">{t("noticesBlocked")}</p>}
    </>
  );
}

function duration(minutes: number): string {
  if (minutes < 60) return t("minutes", { count: minutes });
  return minutes === 60 ? t("oneHour") : t("hours", { count: minutes / 60 });
}
