/** The contents of the two live regions of index.html. */

import type { VNode } from "preact";
import { announcements, toasts } from "../state/feedback.ts";
import { Icon } from "./icons.tsx";

export function Toasts(): VNode {
  return (
    <>
      {toasts.value.map(({ id, kind, text }) => (
        <div key={id} class={`toast ${kind}`}>
          <Icon name={kind === "error" ? "alert" : "check"} />
          <span>{text}</span>
        </div>
      ))}
    </>
  );
}

export function Announcements(): VNode {
  return (
    <>
      {announcements.value.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </>
  );
}
