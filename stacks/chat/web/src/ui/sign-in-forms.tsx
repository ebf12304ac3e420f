/** The form of each step of signing up and in. */

import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import type { Challenge } from "../net/cognito.ts";
import { announce } from "../state/feedback.ts";
import { chosenName } from "../state/preferences.ts";
import { explain, refusedField, type SignInStore } from "../state/sign-in.ts";
import { type StringKey, t } from "../text/i18n.ts";
import { Field, type FieldState, Form, required, useField, validate } from "./form.tsx";
import { StepLink } from "./link-button.tsx";
import { PasswordField, strong } from "./password-field.tsx";

interface StepProps {
  store: SignInStore;
}

const entered = ({ value }: FieldState): string => value.value.trim();

function mail(field: FieldState): [FieldState, StringKey | undefined] {
  return [field, /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(entered(field)) ? undefined : "errorEmail"];
}

function EmailField({ state }: { state: FieldState }): VNode {
  return <Field state={state} label={t("email")} type="email" autocomplete="username" inputMode="email" />;
}

function CodeField({ state }: { state: FieldState }): VNode {
  return <Field state={state} label={t("code")} autocomplete="one-time-code" inputMode="numeric" maxLength={10} />;
}

export function SignInForm({ store }: StepProps): VNode {
  const email = useField(store.email.value);
  const password = useField();
  const action = async (): Promise<void> => {
    if (validate(mail(email), required(password))) await store.signIn(entered(email), password.value.value);
  };
  return (
    <Form submit={t("signIn")} action={action} explain={explain} about={(error) => refusedField(error, { password })}>
      <EmailField state={email} />
      <Field state={password} label={t("password")} type="password" autocomplete="current-password" />
    </Form>
  );
}

export function SignUpForm({ store }: StepProps): VNode {
  const name = useField(chosenName());
  const email = useField(store.email.value);
  const password = useField();
  const action = async (): Promise<void> => {
    if (!validate(required(name), mail(email), strong(password))) return;
    await store.signUp(entered(name), entered(email), password.value.value);
  };
  return (
    <Form
      submit={t("signUp")}
      action={action}
      explain={explain}
      about={(error) => refusedField(error, { email, password })}
    >
      <Field state={name} label={t("displayName")} hint={t("displayNameHint")} autocomplete="nickname" maxLength={40} />
      <EmailField state={email} />
      <PasswordField state={password} label={t("password")} />
    </Form>
  );
}

export function ConfirmForm({ store, password }: StepProps & { password: string }): VNode {
  const code = useField();
  const note = useSignal("");
  const action = async (): Promise<void> => {
    if (validate(required(code))) await store.confirm(entered(code), password);
  };
  const resend = async (): Promise<void> => {
    note.value = await store.resendCode().then(() => t("resent"), explain);
    announce(note.value);
  };
  return (
    <>
      <Form submit={t("confirm")} action={action} explain={explain} about={(error) => refusedField(error, { code })}>
        <CodeField state={code} />
      </Form>
      <StepLink label="resend" onClick={() => void resend()} />
      {note.value !== "" && <p class="auth-note">{note.value}</p>}
    </>
  );
}

export function ForgotForm({ store }: StepProps): VNode {
  const email = useField(store.email.value);
  const action = async (): Promise<void> => {
    if (validate(mail(email))) await store.requestReset(entered(email));
  };
  return (
    <Form submit={t("sendCode")} action={action} explain={explain} about={(error) => refusedField(error, { email })}>
      <EmailField state={email} />
    </Form>
  );
}

export function ResetForm({ store }: StepProps): VNode {
  const code = useField();
  const password = useField();
  const action = async (): Promise<void> => {
    if (validate(required(code), strong(password))) await store.reset(entered(code), password.value.value);
  };
  return (
    <Form
      submit={t("setPassword")}
      action={action}
      explain={explain}
      about={(error) => refusedField(error, { code, password })}
    >
      <CodeField state={code} />
      <PasswordField state={password} label={t("newPassword")} />
    </Form>
  );
}

export function SecondFactorForm({ store, challenge }: StepProps & { challenge: Challenge }): VNode {
  const code = useField();
  const action = async (): Promise<void> => {
    if (validate(required(code))) await store.answer(challenge, entered(code));
  };
  return (
    <Form submit={t("confirm")} action={action} explain={explain} about={(error) => refusedField(error, { code })}>
      <CodeField state={code} />
    </Form>
  );
}
