/** Short notifications: toasts for everybody, announcements for screen readers. */

import { signal } from "@preact/signals";

export interface Line {
  id: number;
  text: string;
  kind: "info" | "error";
}

/** How long a line is kept, in milliseconds. */
const DURATION = 5_000;

export const toasts = signal<readonly Line[]>([]);
export const announcements = signal<readonly Line[]>([]);

let lastId = 0;

function add(lines: typeof toasts, text: string, kind: Line["kind"]): void {
  lastId += 1;
  const line = { id: lastId, text, kind };
  lines.value = [...lines.peek(), line];
  setTimeout(() => {
    lines.value = lines.peek().filter((one) => one !== line);
  }, DURATION);
}

export function toast(text: string, kind: Line["kind"] = "info"): void {
  add(toasts, text, kind);
}

/** Have a screen reader say something that everybody else sees. */
export function announce(text: string): void {
  add(announcements, text, "info");
}
