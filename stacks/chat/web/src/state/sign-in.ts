/** The state of signing up and in: one step at a time. */

import { signal } from "@preact/signals";
import type { Account } from "../core/account.ts";
import {
  type Challenge,
  type Cognito,
  CognitoBusy,
  CognitoError,
  CognitoUnavailable,
  type Tokens,
} from "../net/cognito.ts";
import { type StringKey, t } from "../text/i18n.ts";
import { chooseName } from "./preferences.ts";

export type Step =
  | { name: "signIn" | "signUp" | "forgot" | "reset" }
  /** The password is kept for the sign-in that follows. */
  | { name: "confirm"; password: string }
  | { name: "secondFactor"; challenge: Challenge };

export interface SignInOptions {
  cognito: Cognito;
  account: Account;
  onSignedIn: () => void;
}

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

/** What of a form Cognito refused. */
const FIELDS: Record<string, "email" | "password" | "code"> = {
  NotAuthorizedException: "password",
  UserNotFoundException: "password",
  UsernameExistsException: "email",
  CodeMismatchException: "code",
  ExpiredCodeException: "code",
  InvalidPasswordException: "password",
};

/** Of the fields of a form, return the one that an error is about. */
export function refusedField<Field>(
  error: unknown,
  fields: Partial<Record<"email" | "password" | "code", Field>>,
): Field | undefined {
  const name = error instanceof CognitoError ? FIELDS[error.code] : undefined;
  return name && fields[name];
}

export function explain(error: unknown): string {
  if (error instanceof CognitoBusy) return t("errorTooMany");
  if (error instanceof CognitoUnavailable) return t("errorUnavailable");
  const reason = error instanceof CognitoError ? REASONS[error.code] : undefined;
  return reason === undefined ? t("errorOther", { reason: error instanceof Error ? error.message : "" }) : t(reason);
}

export class SignInStore {
  readonly step = signal<Step>({ name: "signIn" });
  /** The address that the steps share. */
  readonly email = signal("");
  /** Shown above the first form. */
  readonly notice = signal<StringKey | undefined>();
  readonly #options: SignInOptions;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /** Begin again, for example because the session has ended. */
  begin(notice?: StringKey): void {
    this.step.value = { name: "signIn" };
    this.notice.value = notice;
  }

  go(name: "signIn" | "signUp" | "forgot"): void {
    this.step.value = { name };
    this.notice.value = undefined;
  }

  async signIn(email: string, password: string): Promise<void> {
    this.email.value = email;
    try {
      const answer = await this.#options.cognito.signIn(email, password);
      if ("tokens" in answer) this.#signedIn(answer.tokens);
      else if (answer.challenge.name === "SOFTWARE_TOKEN_MFA") {
        this.step.value = { name: "secondFactor", challenge: answer.challenge };
      } else throw new CognitoError(answer.challenge.name, answer.challenge.name);
    } catch (error) {
      if (!(error instanceof CognitoError) || error.code !== "UserNotConfirmedException") throw error;
      await this.resendCode();
      this.step.value = { name: "confirm", password };
    }
  }

  async signUp(name: string, email: string, password: string): Promise<void> {
    this.email.value = email;
    chooseName(name);
    const { confirmed } = await this.#options.cognito.signUp(email, password);
    if (confirmed) await this.signIn(email, password);
    else this.step.value = { name: "confirm", password };
  }

  async confirm(code: string, password: string): Promise<void> {
    await this.#options.cognito.confirm(this.email.value, code);
    await this.signIn(this.email.value, password);
  }

  async resendCode(): Promise<void> {
    await this.#options.cognito.resendCode(this.email.value);
  }

  async requestReset(email: string): Promise<void> {
    this.email.value = email;
    await this.#options.cognito.forgotPassword(email);
    this.step.value = { name: "reset" };
  }

  async reset(code: string, password: string): Promise<void> {
    await this.#options.cognito.resetPassword(this.email.value, code, password);
    await this.signIn(this.email.value, password);
  }

  async answer(challenge: Challenge, code: string): Promise<void> {
    const answer = await this.#options.cognito.answerChallenge(this.email.value, challenge, code);
    if ("tokens" in answer) this.#signedIn(answer.tokens);
  }

  #signedIn(tokens: Tokens): void {
    this.#options.account.signIn(this.email.value, tokens);
    this.#options.onSignedIn();
  }
}
