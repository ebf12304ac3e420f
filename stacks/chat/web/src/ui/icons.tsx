/** Lucide's icons as elements, and the button that shows one. */

import {
  ArrowDown,
  ArrowLeft,
  Bell,
  Check,
  CircleAlert,
  Clock,
  Ellipsis,
  File,
  Image,
  Link,
  Lock,
  LogIn,
  LogOut,
  Mail,
  MessagesSquare,
  Paperclip,
  Pencil,
  Plus,
  Reply,
  Search,
  Send,
  SlidersHorizontal,
  Trash2,
  UserMinus,
  UserPlus,
  WifiOff,
  X,
} from "lucide";
import { h, type VNode } from "preact";

const icons = {
  alert: CircleAlert,
  answer: Reply,
  attach: Paperclip,
  back: ArrowLeft,
  bell: Bell,
  check: Check,
  clock: Clock,
  close: X,
  delete: Trash2,
  down: ArrowDown,
  edit: Pencil,
  enter: LogIn,
  file: File,
  image: Image,
  invite: UserPlus,
  leave: LogOut,
  link: Link,
  lock: Lock,
  mail: Mail,
  messages: MessagesSquare,
  more: Ellipsis,
  offline: WifiOff,
  plus: Plus,
  remove: UserMinus,
  search: Search,
  send: Send,
  settings: SlidersHorizontal,
} as const;

export type IconName = keyof typeof icons;

/** An icon beside a text, or in a button with a label: assistive technology ignores it. */
export function Icon({ name }: { name: IconName }): VNode {
  return (
    <svg viewBox="0 0 24 24" class="icon" aria-hidden="true">
      {icons[name].map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  );
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  class?: string;
}

/** A button that shows only an icon; its label is read out and shown as a tooltip. */
export function IconButton({ icon, label, onClick, class: extra = "" }: IconButtonProps): VNode {
  return (
    <button type="button" class={`icon-button ${extra}`} aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
