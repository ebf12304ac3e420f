/** Modal dialogs. Escape, the close button and a click outside close a dialog, and the focus returns to where it was. */

import { signal } from "@preact/signals";
import { type ComponentChildren, Fragment, type VNode } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../text/i18n.ts";
import { IconButton } from "./icons.tsx";

type View = (close: () => void) => VNode;

const open = signal<readonly { id: number; view: View; close: () => void }[]>([]);
let lastId = 0;

export function openDialog(view: View): void {
  lastId += 1;
  const id = lastId;
  const close = (): void => {
    open.value = open.peek().filter((one) => one.id !== id);
  };
  open.value = [...open.peek(), { id, view, close }];
}

export function closeDialogs(): void {
  open.value = [];
}

/** Renders all open dialogs. */
export function Dialogs(): VNode {
  return (
    <>
      {open.value.map(({ id, view, close }) => (
        <Fragment key={id}>{view(close)}</Fragment>
      ))}
    </>
  );
}

interface DialogProps {
  title: string;
  class?: string;
  close: () => void;
  children?: ComponentChildren;
}

export function Dialog({ title, class: extra = "", close, children }: DialogProps): VNode {
  const id = useId();
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("input, textarea, select")?.focus();
    // A dialog that is removed while it is open does not return the focus.
    return () => dialog?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={ref}
      class={`dialog ${extra}`}
      aria-labelledby={id}
      onClose={close}
      onClick={(event) => {
        if (event.target === ref.current) ref.current?.close();
      }}
    >
      <div class="dialog-content">
        <header class="dialog-header">
          <h2 id={id} class="dialog-title">
            {title}
          </h2>
          <IconButton icon="close" label={t("close")} onClick={() => ref.current?.close()} />
        </header>
        {children}
      </div>
    </dialog>
  );
}
