/** Settings: name, look, language, notices. What was changed is kept when the dialog is saved. */

import type { NoticeSettings } from "../core/model.ts";
import { ApiError, type ChatApi } from "../net/api.ts";
import { type Child, h, uniqueId } from "./dom.ts";
import { field, form, openDialog, toast } from "./feedback.ts";
import { currentLanguage, t } from "./i18n.ts";
import { chooseTheme, chosenLanguage, chosenTheme, rememberLanguage, type Theme } from "./preferences.ts";

export interface SettingsOptions {
  api: ChatApi;
  name: string;
  email: string;
  /** Saved: the name may be another, and everything is drawn anew in the chosen language. */
  onSaved: (name: string) => void;
  onSignOut: () => void;
}

const QUIET = [5, 15, 30, 60, 240, 1440];

function select(
  label: string,
  options: [string, string][],
  value: string,
): { root: HTMLElement; input: HTMLSelectElement } {
  const id = uniqueId("select");
  const input = h(
    "select",
    { id },
    ...options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
  );
  return { root: h("div", { class: "field" }, h("label", { for: id }, label), input), input };
}

function checkbox(label: string): { root: HTMLElement; input: HTMLInputElement } {
  const id = uniqueId("check");
  const input = h("input", { id, type: "checkbox" });
  return { root: h("div", { class: "check" }, input, h("label", { for: id }, label)), input };
}

function quietText(minutes: number): string {
  if (minutes < 60) return t("minutes", { count: minutes });
  return minutes === 60 ? t("oneHour") : t("hours", { count: minutes / 60 });
}

export function openSettings({ api, name, email, onSaved, onSignOut }: SettingsOptions): void {
  openDialog(
    t("settings"),
    (dialog) => {
      const displayName = field({ label: t("displayName"), hint: t("displayNameHint"), value: name, maxlength: 40 });
      const theme = select(
        t("theme"),
        [
          ["system", t("themeSystem")],
          ["light", t("themeLight")],
          ["dark", t("themeDark")],
        ],
        chosenTheme(),
      );
      const language = select(
        t("language"),
        [
          ["", t("languageAuto")],
          ["en", "English"],
          ["ja", "日本語"],
        ],
        chosenLanguage(),
      );
      theme.input.addEventListener("change", () => chooseTheme(theme.input.value as Theme));
      const notices = noticeFields(api);
      const save = async (): Promise<void> => {
        const wanted = displayName.input.value.trim();
        displayName.fail(wanted === "" ? t("errorRequired") : undefined);
        if (wanted === "") {
          displayName.input.focus();
          return;
        }
        rememberLanguage(language.input.value);
        await notices.save();
        if (wanted !== name) await api.session(wanted);
        dialog.close();
        toast(t("saved"));
        onSaved(wanted);
      };
      const explain = (error: unknown): string => {
        if (!(error instanceof ApiError)) return t("errorUnavailable");
        return error.status === 409 ? t("noticesNoAddress") : t("errorOther", { reason: error.message });
      };
      const sections: Child[] = [
        group(t("profile"), displayName.root),
        group(t("appearance"), theme.root, language.root),
        group(t("notices"), notices.root),
      ];
      return [
        form(t("save"), save, explain, ...sections),
        h(
          "footer",
          { class: "settings-footer" },
          h("p", {}, t("signedInAs", { email })),
          h(
            "button",
            {
              type: "button",
              class: "button danger",
              onclick: () => {
                dialog.close();
                onSignOut();
              },
            },
            t("signOut"),
          ),
        ),
      ];
    },
    "settings",
  );
}

function group(title: string, ...children: Child[]): HTMLElement {
  return h("fieldset", {}, h("legend", {}, title), ...children);
}

/** The notices' settings are the back end's, so they are read first. */
function noticeFields(api: ChatApi): { root: HTMLElement; save: () => Promise<void> } {
  const mail = checkbox(t("noticesMail"));
  const push = checkbox(t("noticesPush"));
  const quiet = select(
    t("noticesQuiet"),
    QUIET.map((minutes) => [String(minutes), quietText(minutes)]),
    "15",
  );
  const note = h("p", { class: "field-hint", role: "status" }, t("loading"));
  const root = h("div", {}, mail.root, push.root, quiet.root, note);
  const inputs = [mail.input, push.input, quiet.input];
  for (const input of inputs) input.disabled = true;
  let known: NoticeSettings | undefined;
  api.notices().then(
    (settings) => {
      known = settings;
      mail.input.checked = settings.mail;
      push.input.checked = settings.push;
      const minutes = settings.quiet_minutes;
      if (!QUIET.includes(minutes)) quiet.input.append(h("option", { value: minutes }, quietText(minutes)));
      quiet.input.value = String(minutes);
      for (const input of inputs) input.disabled = false;
      note.remove();
    },
    (error: unknown) => {
      note.textContent = t("noticesUnavailable");
      // This chat sends none: there is nothing to choose.
      const fieldset = root.closest("fieldset");
      if (fieldset !== null && error instanceof ApiError && error.status === 404) fieldset.hidden = true;
    },
  );
  return {
    root,
    save: async () => {
      if (known === undefined) return;
      const settings: NoticeSettings = {
        mail: mail.input.checked,
        push: push.input.checked,
        quiet_minutes: Number(quiet.input.value),
        // Mails come in the language that the page has.
        language: currentLanguage(),
      };
      if (Object.entries(settings).every(([key, value]) => known?.[key as keyof NoticeSettings] === value)) return;
      await api.setNotices(settings);
      known = settings;
    },
  };
}
