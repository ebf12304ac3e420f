/** Forms and their fields. */

import { type Signal, signal, useSignal } from "@preact/signals";
import { type ComponentChildren, createRef, type RefObject, type VNode } from "preact";
import { useId, useState } from "preact/hooks";
import { type StringKey, t } from "../text/i18n.ts";

/** What was entered into a field, and what is wrong with it. */
export interface FieldState {
  value: Signal<string>;
  problem: Signal<StringKey | undefined>;
  /** Id of an error beside the form's button that is about this field; empty without one. */
  refusedBy: Signal<string>;
  input: RefObject<HTMLInputElement | null>;
}

export function useField(initial = ""): FieldState {
  const [field] = useState<FieldState>(() => ({
    value: signal(initial),
    problem: signal(),
    refusedBy: signal(""),
    input: createRef(),
  }));
  return field;
}

/** Show what is wrong with each field, and go to the first of those; return whether all are right. */
export function validate(...checks: [FieldState, StringKey | undefined][]): boolean {
  for (const [field, problem] of checks) field.problem.value = problem;
  const wrong = checks.find(([, problem]) => problem !== undefined);
  wrong?.[0].input.current?.focus();
  return wrong === undefined;
}

export function required(field: FieldState): [FieldState, StringKey | undefined] {
  return [field, field.value.value.trim() === "" ? "errorRequired" : undefined];
}

interface FieldProps {
  state: FieldState;
  label: string;
  hint?: string;
  type?: "date" | "email" | "password" | "text";
  autocomplete?: string;
  inputMode?: "email" | "numeric" | "url";
  maxLength?: number;
  readOnly?: boolean;
}

export function Field({ state, label, hint, type = "text", ...input }: FieldProps): VNode {
  const id = useId();
  const problem = state.problem.value;
  const refusedBy = state.refusedBy.value;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        {...input}
        // Preact's types are a union over the kinds of inputs, which takes one literal only.
        type={type as "text"}
        ref={state.input}
        id={id}
        value={state.value.value}
        aria-describedby={`${id}-hint ${id}-error ${refusedBy}`.trim()}
        aria-invalid={problem === undefined && refusedBy === "" ? undefined : "true"}
        onInput={({ currentTarget }) => {
          state.value.value = currentTarget.value;
          state.refusedBy.value = "";
        }}
      />
      <p id={`${id}-hint`} class="field-hint">
        {hint}
      </p>
      <p id={`${id}-error`} class="field-error">
        {problem && t(problem)}
      </p>
    </div>
  );
}

interface FormProps {
  submit: string;
  /** How its button looks. */
  kind?: "primary" | "danger" | "";
  action: () => Promise<void>;
  /** Says why the action failed. */
  explain: (error: unknown) => string;
  /** The field that the failure is about, if it is about one. */
  about?: (error: unknown) => FieldState | undefined;
  children?: ComponentChildren;
}

/** A form that runs one action at a time; the reason of a failure is shown above its button, and its field is marked. */
export function Form({ submit, kind = "primary", action, explain, about, children }: FormProps): VNode {
  const id = useId();
  const busy = useSignal(false);
  const problem = useSignal("");
  const run = async (): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    problem.value = "";
    try {
      await action();
    } catch (error) {
      problem.value = explain(error);
      const field = about?.(error);
      if (field !== undefined) {
        field.refusedBy.value = id;
        field.input.current?.focus();
        field.input.current?.select();
      }
    } finally {
      busy.value = false;
    }
  };
  return (
    <form
      class="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
    >
      {children}
      <p id={id} class="form-error" role="alert">
        {problem.value}
      </p>
      <button type="submit" class={`button ${kind}`} aria-busy={busy.value}>
        {submit}
      </button>
    </form>
  );
}

interface CheckboxProps {
  label: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}

export function Checkbox({ label, checked, disabled = false, onChange }: CheckboxProps): VNode {
  const id = useId();
  return (
    <div class="check">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      <label for={id}>{label}</label>
    </div>
  );
}

interface SelectProps {
  label: string;
  /** Values and their texts. */
  options: readonly (readonly [string, string])[];
  value: string;
  disabled?: boolean;
  onChange: (value: string) => void;
}

export function Select({ label, options, value, disabled = false, onChange }: SelectProps): VNode {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} disabled={disabled} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key} selected={key === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
