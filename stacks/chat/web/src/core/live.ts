/** Keeps the live channel up: asks the nearest Region for its address, connects, follows rooms, comes back when it fails. */

import { delayAfter, type Sleep, sleep } from "./backoff.ts";
import { Link, type LinkOptions } from "./link.ts";
import type { LiveEvent, SessionInfo } from "./model.ts";

export type LiveState = "idle" | "connecting" | "live" | "waiting";

export interface LiveOptions {
  /** POST /session. */
  session: () => Promise<SessionInfo>;
  /** The room's channel as it is now; undefined when the room is not (or no longer) the user's. */
  channelOf: (room: string) => Promise<string | undefined>;
  accessToken: () => Promise<string>;
  /** Turns an address of AWS into one that can be reached from here. */
  address?: (url: string) => string;
  onEvent: (room: string, event: LiveEvent) => void;
  onState: (state: LiveState) => void;
  /** A room is followed again: what happened meanwhile must be read. */
  onFollowed: (room: string) => void;
  /** The user is not in the room any more. */
  onRefused: (room: string) => void;
  open?: (options: LinkOptions) => Promise<Link>;
  pause?: Sleep;
  random?: () => number;
}

const RECONNECT = { base: 1_000, cap: 30_000 };

export class Live {
  readonly #options: LiveOptions;
  /** Channel by room; empty until it is known. */
  readonly #rooms = new Map<string, string>();
  #link: Link | undefined;
  #state: LiveState = "idle";
  #running: AbortController | undefined;
  #wake: AbortController | undefined;
  session: SessionInfo | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  get state(): LiveState {
    return this.#state;
  }

  /** Connect, and stay connected until `stop`. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#running = new AbortController();
    void this.#run(this.#running.signal);
  }

  stop(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#wake?.abort();
    this.#link?.close();
    this.#setState("idle");
  }

  /** Do not wait for the next try: the network is back, or the user asked. */
  retryNow(): void {
    this.#wake?.abort();
  }

  /** The network is gone; waiting for the keep-alive to miss would take minutes. */
  drop(): void {
    this.#link?.close();
  }

  follow(room: string): void {
    if (this.#rooms.has(room)) return;
    this.#rooms.set(room, "");
    if (this.#link?.isOpen) void this.#subscribe(this.#link, room);
  }

  unfollow(room: string): void {
    const channel = this.#rooms.get(room);
    this.#rooms.delete(room);
    if (channel) this.#link?.unsubscribe(channel);
  }

  /** The room has, or may have, another channel. */
  refresh(room: string): void {
    if (this.#rooms.has(room) && this.#link?.isOpen) void this.#subscribe(this.#link, room);
  }

  /** Somebody says which channel the room has now: follow that, if it is another one. */
  compare(room: string, channel: string): void {
    const known = this.#rooms.get(room);
    if (known && known !== channel) this.refresh(room);
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      this.#setState("connecting");
      let closed: () => void = () => undefined;
      const ended = new Promise<void>((resolve) => {
        closed = resolve;
      });
      try {
        const link = await this.#connect(closed);
        if (signal.aborted) {
          link.close();
          return;
        }
        this.#link = link;
        failures = 0;
        this.#setState("live");
        for (const room of this.#rooms.keys()) void this.#subscribe(link, room);
        await ended;
      } catch {
        // Whatever it was, the next try asks for everything anew.
      }
      this.#link = undefined;
      if (signal.aborted) return;
      failures += 1;
      this.#setState("waiting");
      this.#wake = new AbortController();
      const { pause = sleep, random = Math.random } = this.#options;
      await pause(delayAfter(failures, { ...RECONNECT, random }), this.#wake.signal);
    }
  }

  async #connect(onClosed: () => void): Promise<Link> {
    const { session, accessToken, address = (url: string) => url, open = Link.open } = this.#options;
    const info = await session();
    this.session = info;
    return open({
      url: address(info.realtime.websocket),
      authorization: { host: new URL(info.realtime.http).host, Authorization: await accessToken() },
      onEvent: (channel, event) => this.#dispatch(channel, event),
      onClosed,
    });
  }

  /**
   * Subscribe to the room's channel as it is now, then have read what was missed, in this order.
   *
   * A refusal may only mean that the channel was replaced a moment ago, or that this Region has not heard of the
   * membership yet, so it is asked for again; meanwhile the other rooms stay connected.
   */
  async #subscribe(link: Link, room: string): Promise<void> {
    const { channelOf, onFollowed, onRefused, pause = sleep, random = Math.random } = this.#options;
    for (let failures = 1; link.isOpen && this.#rooms.has(room); failures += 1) {
      try {
        const channel = await channelOf(room);
        if (!link.isOpen || !this.#rooms.has(room)) return;
        if (channel === undefined) {
          this.unfollow(room);
          onRefused(room);
          return;
        }
        const old = this.#rooms.get(room);
        if (old && old !== channel) link.unsubscribe(old);
        this.#rooms.set(room, channel);
        await link.subscribe(channel);
        onFollowed(room);
        return;
      } catch {
        await pause(delayAfter(failures, { ...RECONNECT, random }), this.#running?.signal);
      }
    }
  }

  #dispatch(channel: string, event: LiveEvent): void {
    for (const [room, known] of this.#rooms) {
      if (known !== channel) continue;
      if (event.kind === "members") this.refresh(room);
      this.#options.onEvent(room, event);
    }
  }

  #setState(state: LiveState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onState(state);
  }
}
