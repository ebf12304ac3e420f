/** The conversation as a list that scrolls: it follows new messages at its end, and keeps its place anywhere else. */

import { Component, createRef, type VNode } from "preact";
import type { RoomStore } from "../state/room.ts";
import { t } from "../text/i18n.ts";
import { Icon } from "./icons.tsx";
import { RowView } from "./message.tsx";

/** The list is at its end when the end is closer than this, in pixels. */
const NEAR = 80;

/** Id of what says how the keyboard works here. */
const KEYS = "message-keys";

/** The first visible message, and its position. */
interface Place {
  message: Element;
  top: number;
}

/** A class component: only those have a method that is called right before the page changes. */
export class History extends Component<{ room: RoomStore }> {
  readonly #scroller = createRef<HTMLDivElement>();
  readonly #list = createRef<HTMLOListElement>();
  readonly #older = createRef<HTMLButtonElement>();
  #nearTop: IntersectionObserver | undefined;
  /** Images arrive later than their messages, and the composer grows: the end stays on the screen. */
  readonly #resized = new ResizeObserver(() => {
    this.#noticeScrolling();
    if (this.props.room.position.follows.peek()) this.#scrollToEnd();
  });
  /** The scroll position when it was last read. */
  #top = 0;

  override componentDidMount(): void {
    this.componentDidUpdate(undefined, undefined, undefined);
    for (const element of [this.#scroller.current, this.#list.current]) if (element) this.#resized.observe(element);
    this.#nearTop = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) void this.props.room.browsing.loadOlder();
      },
      { root: this.#scroller.current, rootMargin: "200px 0px 0px 0px" },
    );
    if (this.#older.current) this.#nearTop.observe(this.#older.current);
  }

  override getSnapshotBeforeUpdate(): Place | undefined {
    this.#noticeScrolling();
    if (this.props.room.position.follows.peek()) return undefined;
    const edge = this.#scroller.current?.getBoundingClientRect().top ?? 0;
    const messages = this.#list.current?.querySelectorAll(".message") ?? [];
    const message = [...messages].find((one) => one.getBoundingClientRect().bottom > edge);
    return message && { message, top: message.getBoundingClientRect().top };
  }

  override componentDidUpdate(_props: unknown, _state: unknown, place: Place | undefined): void {
    const { room } = this.props;
    if (room.position.follows.peek()) {
      this.#scrollToEnd();
      room.seen();
    } else if (place?.message.isConnected && this.#scroller.current) {
      // Messages that were added above must not move what is being read.
      this.#scroller.current.scrollTop += place.message.getBoundingClientRect().top - place.top;
      this.#scrolled();
    }
  }

  override componentWillUnmount(): void {
    this.#nearTop?.disconnect();
    this.#resized.disconnect();
  }

  override render({ room }: { room: RoomStore }): VNode {
    const { browsing, position, rows } = room;
    const missed = position.missed.value;
    return (
      <div class="history">
        <section
          ref={this.#scroller}
          class="scroller"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
          tabIndex={0}
          aria-label={t("history", { room: room.name })}
          onScroll={this.#scrolled}
        >
          <button
            ref={this.#older}
            type="button"
            class="button small older"
            hidden={!browsing.hasOlder.value}
            aria-busy={browsing.loading.value}
            onClick={() => void room.browsing.loadOlder()}
          >
            {t("earlier")}
          </button>
          <p id={KEYS} class="visually-hidden">
            {t("keys")}
          </p>
          <ol ref={this.#list} class="messages" aria-describedby={KEYS}>
            {rows.value.map((row) => (
              <RowView key={row.key} row={row} room={room} />
            ))}
          </ol>
        </section>
        <button type="button" class="button small jump" hidden={position.follows.value} onClick={this.#jump}>
          <Icon name="down" />
          {missed > 0 ? t("jumpCount", { count: missed }) : t("jump")}
        </button>
      </div>
    );
  }

  readonly #jump = (): void => {
    this.props.room.position.follows.value = true;
    this.#scroller.current?.focus();
  };

  readonly #scrolled = (): void => {
    const { room } = this.props;
    const scroller = this.#scroller.current;
    if (scroller === null) return;
    this.#top = scroller.scrollTop;
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    if (!room.browsing.loading.peek()) room.position.follows.value = atEnd;
  };

  /** Somebody may have scrolled up although the browser has not sent the event yet. */
  #noticeScrolling(): void {
    if ((this.#scroller.current?.scrollTop ?? 0) < this.#top) this.#scrolled();
  }

  #scrollToEnd(): void {
    const scroller = this.#scroller.current;
    if (scroller === null) return;
    scroller.scrollTop = scroller.scrollHeight;
    this.#top = scroller.scrollTop;
  }
}
