/** Signing up and in: one card, one question at a time. */

import type { Account } from "../core/account.ts";
import { PASSWORD_RULES, type PasswordRule, unmetRules } from "../core/password.ts";
import { type Challenge, type Cognito, CognitoError, CognitoUnavailable, type Tokens } from "../net/cognito.ts";
import { append, type Child, h, icon, replace, uniqueId } from "./dom.ts";
import { announce, type Field, field, form } from "./feedback.ts";
import { type StringKey, t } from "./i18n.ts";
import { languageSwitch } from "./language.ts";

/** The name that somebody gave while signing up, until the first session keeps it. */
export const NAME_KEY = "chat.name";

const REASONS: Record<string, StringKey> = {
  NotAuthorizedException: "errorCredentials",
  UserNotFoundException: "errorCredentials",
  UsernameExistsException: "errorExists",
  CodeMismatchException: "errorCode",
  ExpiredCodeException: "errorCodeExpired",
  InvalidPasswordException: "errorPassword",
  LimitExceededException: "errorTooMany",
  TooManyFailedAttemptsException: "errorTooMany",
};

/** Stops a form whose fields say themselves what is wrong. */
class Incomplete extends Error {}

function explain(error: unknown): string {
  if (error instanceof Incomplete) return "";
  if (error instanceof CognitoUnavailable) return t("errorUnavailable");
  const reason = error instanceof CognitoError ? REASONS[error.code] : undefined;
  return reason === undefined ? t("errorOther", { reason: error instanceof Error ? error.message : "" }) : t(reason);
}

function require(...checks: [Field, StringKey | undefined][]): void {
  for (const [one, problem] of checks) one.fail(problem && t(problem));
  const wrong = checks.find(([, problem]) => problem !== undefined);
  wrong?.[0].input.focus();
  if (wrong !== undefined) throw new Incomplete();
}

const filled = (value: string): StringKey | undefined => (value.trim() === "" ? "errorRequired" : undefined);
const isMail = (value: string): StringKey | undefined =>
  /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(value.trim()) ? undefined : "errorEmail";
const isStrong = (value: string): StringKey | undefined => (unmetRules(value).length > 0 ? "errorPassword" : undefined);

export interface AuthOptions {
  cognito: Cognito;
  account: Account;
  /** Shown above the first form. */
  notice?: string;
  onSignedIn: () => void;
  /** The language was changed: everything is drawn anew. */
  onLanguage: () => void;
}

export class AuthView {
  readonly #options: AuthOptions;
  readonly #card = h("div", { class: "auth-card" });
  #email = "";

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  mount(root: Element): void {
    const switcher = languageSwitch(this.#options.onLanguage);
    replace(
      root,
      h(
        "div",
        { class: "auth" },
        h(
          "aside",
          { class: "auth-brand" },
          h("div", { class: "brand" }, h("span", { class: "brand-mark" }, icon("bubbles")), t("product")),
          bubbles(),
          h("p", { class: "auth-tagline" }, t("tagline")),
        ),
        h("main", { class: "auth-main", id: "main" }, this.#card, switcher),
      ),
    );
    this.#signIn(this.#options.notice);
  }

  #show(title: StringKey, intro: string, ...children: Child[]): void {
    const heading = h("h1", { tabindex: "-1" }, t(title));
    replace(this.#card, heading, h("p", { class: "auth-intro" }, intro));
    append(this.#card, children);
    document.title = `${t(title)} – ${t("product")}`;
    const first = this.#card.querySelector<HTMLInputElement>("input:not([value]), input[value='']") ?? heading;
    first.focus();
  }

  #switch(question: string, label: StringKey, onclick: () => void): HTMLElement {
    return h("p", { class: "auth-switch" }, question, " ", linkButton(label, onclick));
  }

  #signIn(notice?: string): void {
    const email = emailField(this.#email);
    const password = field({ label: t("password"), type: "password", autocomplete: "current-password" });
    const submit = async (): Promise<void> => {
      this.#email = email.input.value.trim();
      require([email, isMail(this.#email)], [password, filled(password.input.value)]);
      await this.#enter(this.#email, password.input.value);
    };
    this.#show(
      "signIn",
      notice ?? t("signInIntro"),
      form(t("signIn"), submit, explain, email.root, password.root),
      h(
        "p",
        { class: "auth-switch" },
        linkButton("forgot", () => this.#forgot()),
      ),
      this.#switch(t("noAccount"), "signUp", () => this.#signUp()),
    );
  }

  #signUp(): void {
    const name = field({
      label: t("displayName"),
      hint: t("displayNameHint"),
      autocomplete: "nickname",
      maxlength: 40,
      value: localStorage.getItem(NAME_KEY) ?? "",
    });
    const email = emailField(this.#email);
    const password = passwordField(t("password"));
    const submit = async (): Promise<void> => {
      this.#email = email.input.value.trim();
      require([name, filled(name.input.value)], [email, isMail(this.#email)], [
        password.field,
        isStrong(password.field.input.value),
      ]);
      localStorage.setItem(NAME_KEY, name.input.value.trim());
      const { confirmed } = await this.#options.cognito.signUp(this.#email, password.field.input.value);
      if (confirmed) await this.#enter(this.#email, password.field.input.value);
      else this.#confirm(password.field.input.value);
    };
    this.#show(
      "signUp",
      t("signUpIntro"),
      form(t("signUp"), submit, explain, name.root, email.root, ...password.elements),
      this.#switch(t("haveAccount"), "signIn", () => this.#signIn()),
    );
  }

  #confirm(password: string): void {
    const code = codeField();
    const submit = async (): Promise<void> => {
      require([code, filled(code.input.value)]);
      await this.#options.cognito.confirm(this.#email, code.input.value.trim());
      await this.#enter(this.#email, password);
    };
    const resend = async (): Promise<void> => {
      await this.#options.cognito.resendCode(this.#email).then(
        () => announceBelow(this.#card, t("resent")),
        (error: unknown) => announceBelow(this.#card, explain(error)),
      );
    };
    this.#show(
      "confirmTitle",
      t("confirmIntro", { email: this.#email }),
      form(t("confirm"), submit, explain, code.root),
      h(
        "p",
        { class: "auth-switch" },
        linkButton("resend", () => void resend()),
      ),
      h(
        "p",
        { class: "auth-switch" },
        linkButton("backToSignIn", () => this.#signIn()),
      ),
    );
  }

  #forgot(): void {
    const email = emailField(this.#email);
    const submit = async (): Promise<void> => {
      this.#email = email.input.value.trim();
      require([email, isMail(this.#email)]);
      await this.#options.cognito.forgotPassword(this.#email);
      this.#reset();
    };
    this.#show(
      "forgotTitle",
      t("forgotIntro"),
      form(t("sendCode"), submit, explain, email.root),
      h(
        "p",
        { class: "auth-switch" },
        linkButton("backToSignIn", () => this.#signIn()),
      ),
    );
  }

  #reset(): void {
    const code = codeField();
    const password = passwordField(t("newPassword"));
    const submit = async (): Promise<void> => {
      require([code, filled(code.input.value)], [password.field, isStrong(password.field.input.value)]);
      await this.#options.cognito.resetPassword(this.#email, code.input.value.trim(), password.field.input.value);
      await this.#enter(this.#email, password.field.input.value);
    };
    this.#show(
      "forgotTitle",
      t("resetIntro", { email: this.#email }),
      form(t("setPassword"), submit, explain, code.root, ...password.elements),
      h(
        "p",
        { class: "auth-switch" },
        linkButton("backToSignIn", () => this.#signIn()),
      ),
    );
  }

  #secondFactor(email: string, challenge: Challenge): void {
    const code = codeField();
    const submit = async (): Promise<void> => {
      require([code, filled(code.input.value)]);
      const answer = await this.#options.cognito.answerChallenge(email, challenge, code.input.value.trim());
      if ("tokens" in answer) this.#signedIn(email, answer.tokens);
    };
    this.#show(
      "mfaTitle",
      t("mfaIntro"),
      form(t("confirm"), submit, explain, code.root),
      h(
        "p",
        { class: "auth-switch" },
        linkButton("backToSignIn", () => this.#signIn()),
      ),
    );
  }

  async #enter(email: string, password: string): Promise<void> {
    try {
      const answer = await this.#options.cognito.signIn(email, password);
      if ("tokens" in answer) this.#signedIn(email, answer.tokens);
      else if (answer.challenge.name === "SOFTWARE_TOKEN_MFA") this.#secondFactor(email, answer.challenge);
      else throw new CognitoError(answer.challenge.name, answer.challenge.name);
    } catch (error) {
      if (!(error instanceof CognitoError) || error.code !== "UserNotConfirmedException") throw error;
      await this.#options.cognito.resendCode(email);
      this.#confirm(password);
    }
  }

  #signedIn(email: string, tokens: Tokens): void {
    this.#options.account.signIn(email, tokens);
    this.#options.onSignedIn();
  }
}

function emailField(value: string): Field {
  return field({
    label: t("email"),
    type: "email",
    autocomplete: "username",
    inputmode: "email",
    value,
  });
}

function codeField(): Field {
  return field({ label: t("code"), autocomplete: "one-time-code", inputmode: "numeric", maxlength: 10 });
}

/** A new password with the rules that it meets so far. */
function passwordField(label: string): { field: Field; elements: Child[] } {
  const one = field({ label, type: "password", autocomplete: "new-password" });
  const rules = (Object.keys(PASSWORD_RULES) as PasswordRule[]).map((rule) => {
    const state = h("span", { class: "visually-hidden" });
    return { rule, state, item: h("li", {}, icon("check"), h("span", {}, t(rule)), state) };
  });
  const update = (): void => {
    const unmet = unmetRules(one.input.value);
    for (const { rule, state, item } of rules) {
      const met = !unmet.includes(rule);
      item.className = met ? "met" : "";
      state.textContent = ` (${t(met ? "ruleMet" : "ruleUnmet")})`;
    }
  };
  one.input.addEventListener("input", update);
  update();
  const show = uniqueId("show");
  const checkbox = h("input", {
    id: show,
    type: "checkbox",
    onchange: () => {
      one.input.type = checkbox.checked ? "text" : "password";
    },
  });
  return {
    field: one,
    elements: [
      one.root,
      h("ul", { class: "rules", "aria-label": t("passwordRules") }, ...rules.map(({ item }) => item)),
      h("div", { class: "check" }, checkbox, h("label", { for: show }, t("showPassword"))),
    ],
  };
}

export function linkButton(label: StringKey, onclick: () => void): HTMLButtonElement {
  return h("button", { type: "button", class: "link-button", onclick }, t(label));
}

function announceBelow(card: Element, text: string): void {
  card.querySelector(".auth-note")?.remove();
  card.append(h("p", { class: "auth-note" }, text));
  announce(text);
}

/** A picture of a conversation, drawn with a few boxes. */
function bubbles(): HTMLElement {
  const lines = ["mine short", "other long", "other", "mine long", "other short"];
  return h("div", { class: "auth-bubbles", "aria-hidden": "true" }, ...lines.map((one) => h("span", { class: one })));
}
