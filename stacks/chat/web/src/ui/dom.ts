/** Making elements. Text only ever becomes a text node: nothing that a user wrote is parsed as HTML. */

export type Child = Node | string | number | null | undefined | false;

type Handlers = { [Name in keyof HTMLElementEventMap as `on${Name}`]?: (event: HTMLElementEventMap[Name]) => void };

export type Props = Handlers & { [attribute: string]: unknown };

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

export function append(parent: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(typeof child === "number" ? String(child) : child);
  }
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

const paths = {
  plus: "M12 5v14M5 12h14",
  enter: "M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 8l4 4-4 4M14 12H3",
  send: "M4 12 20 4l-5 16-3.5-6.5L4 12ZM11.500 13.500 20 4",
  clip: "m20.500 11.500-8.300 8.300a5.400 5.400 0 0 1-7.700-7.700l8.700-8.600a3.600 3.600 0 0 1 5.100 5.100l-8.700 8.600a1.800 1.800 0 0 1-2.500-2.500l8-8",
  gear: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.500v5M9 14.500v5",
  back: "M15 5l-7 7 7 7",
  people:
    "M9 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM2.500 20c.3-3.600 3-5.500 6.500-5.500s6.200 1.900 6.500 5.500M16 5a3.300 3.300 0 0 1 0 6.200M18 14.900c2.100.8 3.300 2.500 3.500 5.100",
  invite:
    "M10 11.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM3.500 20c.3-3.600 3-5.500 6.500-5.500s6.200 1.900 6.500 5.500M19 7v6M16 10h6",
  leave: "M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4M16 8l4 4-4 4M20 12H9",
  close: "M6 6l12 12M18 6 6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  file: "M13.500 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8.500L13.500 3ZM13.500 3v5.500H19",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7.500V12l3 2",
  check: "m5 12.500 4.500 4.500L19 7.500",
  alert: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7.500v5.500M12 16.200v.3",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  mail: "M3.500 6h17v12h-17zM3.500 7l8.500 6.500L20.500 7",
  offline: "M3 3l18 18M8.500 15.500a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4-2.400M19 12a10 10 0 0 0-5.500-2.800M12 19.500v.2",
  bubbles:
    "M4 5.500A1.500 1.500 0 0 1 5.500 4h9A1.500 1.500 0 0 1 16 5.500v5a1.500 1.500 0 0 1-1.500 1.500H9l-3.500 3V12A1.500 1.500 0 0 1 4 10.500v-5ZM19 9.500a1 1 0 0 1 1 1V16a1 1 0 0 1-1 1v3l-3.500-3h-4a1 1 0 0 1-1-1v-.5",
} as const;

export type IconName = keyof typeof paths;

const SVG = "http://www.w3.org/2000/svg";

/** A picture beside a text or in a button with a label; by itself it says nothing. */
export function icon(name: IconName): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only a picture; the label is read out and shown as a tip. */
export function iconButton(name: IconName, label: string, onclick: () => void, props: Props = {}): HTMLButtonElement {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...props },
    icon(name),
  );
}

let lastId = 0;

export function uniqueId(prefix: string): string {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

/** Split a text into plain pieces and links to web addresses. */
export function linked(text: string): Child[] {
  const pieces: Child[] = [];
  let from = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'、。」）)\]]+/g)) {
    const url = match[0].replace(/[.,;:!?]+$/, "");
    pieces.push(text.slice(from, match.index));
    pieces.push(h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
    from = match.index + url.length;
  }
  pieces.push(text.slice(from));
  return pieces;
}

/** Text of a person's or room's badge: the first letter, or the first character of a Japanese name. */
export function initial(name: string): string {
  return ([...name.trim()][0] ?? "?").toLocaleUpperCase();
}

const HUES = 8;

/** A badge whose colour is the same everywhere for the same id. */
export function avatar(name: string, id: string, extra = ""): HTMLElement {
  let hash = 7;
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return h("span", { class: `avatar hue-${hash % HUES} ${extra}`.trim(), "aria-hidden": "true" }, initial(name));
}
