/** The page of somebody who is not signed in: one card, one step at a time. */

import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { SignInStore } from "../state/sign-in.ts";
import { type StringKey, t } from "../text/i18n.ts";
import { Icon } from "./icons.tsx";
import { LanguageSwitch } from "./language-switch.tsx";
import { StepLink } from "./link-button.tsx";
import { ConfirmForm, ForgotForm, ResetForm, SecondFactorForm, SignInForm, SignUpForm } from "./sign-in-forms.tsx";

export function SignInPage({ store }: { store: SignInStore }): VNode {
  return (
    <div class="auth">
      <aside class="auth-brand">
        <div class="brand">
          <span class="brand-mark">
            <Icon name="messages" />
          </span>
          {t("product")}
        </div>
        <Bubbles />
        <p class="auth-tagline">{t("tagline")}</p>
      </aside>
      <main class="auth-main" id="main">
        <StepView store={store} />
        <LanguageSwitch />
      </main>
    </div>
  );
}

function StepView({ store }: { store: SignInStore }): VNode {
  const step = store.step.value;
  const email = store.email.value;
  const backToSignIn = <StepLink label="backToSignIn" onClick={() => store.go("signIn")} />;
  switch (step.name) {
    case "signIn":
      return (
        <Card key={step.name} title="signIn" intro={t(store.notice.value ?? "signInIntro")}>
          <SignInForm store={store} />
          <StepLink label="forgot" onClick={() => store.go("forgot")} />
          <StepLink question="noAccount" label="signUp" onClick={() => store.go("signUp")} />
        </Card>
      );
    case "signUp":
      return (
        <Card key={step.name} title="signUp" intro={t("signUpIntro")}>
          <SignUpForm store={store} />
          <StepLink question="haveAccount" label="signIn" onClick={() => store.go("signIn")} />
        </Card>
      );
    case "confirm":
      return (
        <Card key={step.name} title="confirmTitle" intro={t("confirmIntro", { email })}>
          <ConfirmForm store={store} password={step.password} />
          {backToSignIn}
        </Card>
      );
    case "forgot":
      return (
        <Card key={step.name} title="forgotTitle" intro={t("forgotIntro")}>
          <ForgotForm store={store} />
          {backToSignIn}
        </Card>
      );
    case "reset":
      return (
        <Card key={step.name} title="forgotTitle" intro={t("resetIntro", { email })}>
          <ResetForm store={store} />
          {backToSignIn}
        </Card>
      );
    case "secondFactor":
      return (
        <Card key={step.name} title="mfaTitle" intro={t("mfaIntro")}>
          <SecondFactorForm store={store} challenge={step.challenge} />
          {backToSignIn}
        </Card>
      );
  }
}

interface CardProps {
  title: StringKey;
  intro: string;
  children: ComponentChildren;
}

function Card({ title, intro, children }: CardProps): VNode {
  const card = useRef<HTMLDivElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const pageTitle = `${t(title)} – ${t("product")}`;
  useLayoutEffect(() => {
    document.title = pageTitle;
  }, [pageTitle]);
  useLayoutEffect(() => {
    const empty = [...(card.current?.querySelectorAll("input") ?? [])].find(({ value }) => value === "");
    (empty ?? heading.current)?.focus();
  }, []);
  return (
    <div ref={card} class="auth-card">
      <h1 ref={heading} tabIndex={-1}>
        {t(title)}
      </h1>
      <p class="auth-intro">{intro}</p>
      {children}
    </div>
  );
}

/** A picture of a conversation, drawn with a few boxes. */
function Bubbles(): VNode {
  return (
    <div class="auth-bubbles" aria-hidden="true">
      {["mine short", "other long", "other", "mine long", "other short"].map((one) => (
        <span key={one} class={one} />
      ))}
    </div>
  );
}
