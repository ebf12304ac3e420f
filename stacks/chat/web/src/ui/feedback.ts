/** Short messages at the edge of the page, dialogs, and what a screen reader is told. */

import { append, type Child, h, icon, iconButton, uniqueId } from "./dom.ts";
import { t } from "./i18n.ts";

const SHOWN = 5_000;

const toasts = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
const announcer = h("div", {
  class: "visually-hidden",
  role: "log",
  "aria-live": "polite",
  "aria-relevant": "additions",
});

export function mountFeedback(): void {
  document.body.append(toasts, announcer);
}

export function toast(text: string, kind: "info" | "error" = "info"): void {
  const one = h("div", { class: `toast ${kind}` }, icon(kind === "error" ? "alert" : "check"), h("span", {}, text));
  toasts.append(one);
  setTimeout(() => one.remove(), SHOWN);
}

/** Have a screen reader say something that everybody else sees. */
export function announce(text: string): void {
  const line = h("p", {}, text);
  announcer.append(line);
  setTimeout(() => line.remove(), SHOWN);
}

export interface DialogHandle {
  element: HTMLDialogElement;
  close: () => void;
}

/** Open a modal dialog; Escape, the cross and a click beside it close it, and the focus goes back to where it was. */
export function openDialog(title: string, body: (dialog: DialogHandle) => Child[], className = ""): DialogHandle {
  const id = uniqueId("dialog");
  const dialog = h("dialog", { class: `dialog ${className}`.trim(), "aria-labelledby": id });
  const opener = document.activeElement;
  const handle = { element: dialog, close: () => dialog.close() };
  const content = h("div", { class: "dialog-content" });
  const heading = h("h2", { id, class: "dialog-title" }, title);
  content.append(h("header", { class: "dialog-header" }, heading, iconButton("close", t("close"), handle.close)));
  append(content, body(handle));
  dialog.append(content);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  const first = dialog.querySelector<HTMLElement>("[autofocus], input, textarea, select");
  first?.focus();
  return handle;
}

export interface FieldOptions {
  label: string;
  type?: string;
  value?: string;
  hint?: string;
  autocomplete?: string;
  inputmode?: string;
  maxlength?: number;
}

export interface Field {
  root: HTMLElement;
  input: HTMLInputElement;
  /** Show what is wrong, or nothing. */
  fail: (problem?: string) => void;
}

export function field({ label, hint, ...rest }: FieldOptions): Field {
  const id = uniqueId("field");
  const input = h("input", { id, ...rest, "aria-describedby": `${id}-hint ${id}-error` });
  const error = h("p", { id: `${id}-error`, class: "field-error" });
  const root = h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    h("p", { id: `${id}-hint`, class: "field-hint" }, hint),
    error,
  );
  return {
    root,
    input,
    fail: (problem) => {
      error.textContent = problem ?? "";
      if (problem === undefined) input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
    },
  };
}

/** A form that is sent once at a time; what its action throws is shown above its button. */
export function form(
  submit: string,
  action: () => Promise<void>,
  explain: (error: unknown) => string,
  ...children: Child[]
): HTMLFormElement {
  const problem = h("p", { class: "form-error", role: "alert" });
  const button = h("button", { type: "submit", class: "button primary" }, submit);
  const element = h("form", { class: "form", novalidate: true }, ...children, problem, button);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    problem.textContent = "";
    action()
      .catch((error: unknown) => {
        problem.textContent = explain(error);
      })
      .finally(() => button.removeAttribute("aria-busy"));
  });
  return element;
}
