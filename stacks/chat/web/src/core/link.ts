/** One connection to the live channel, from its opening to its end. Who wants another one after it makes a new Link. */

import type { LiveEvent } from "./model.ts";
import {
  type Authorization,
  CONNECTION_INIT,
  parseFrame,
  subprotocols,
  subscribeFrame,
  unsubscribeFrame,
} from "./protocol.ts";

/** The part of WebSocket that is used, so that tests can bring their own. */
export interface Socket {
  onopen: ((event: Event) => unknown) | null;
  onmessage: ((event: MessageEvent) => unknown) | null;
  onclose: ((event: CloseEvent) => unknown) | null;
  onerror: ((event: Event) => unknown) | null;
  send(text: string): void;
  close(): void;
}

export interface LinkOptions {
  url: string;
  authorization: Authorization;
  /** Called with each event and the channel that it came through. */
  onEvent: (channel: string, event: LiveEvent) => void;
  /** Called once, when a link that was open has ended. */
  onClosed: () => void;
  /** Milliseconds until an opening, or a subscription, without an answer has failed. */
  patience?: number;
  socket?: (url: string, protocols: string[]) => Socket;
}

interface Subscription {
  channel: string;
  done: (error?: Error) => void;
}

/** The server let nobody in: not a member, or the channel is one of an older generation. */
export class SubscriptionRefused extends Error {}
export class LinkClosed extends Error {}

export class Link {
  readonly #options: Required<LinkOptions>;
  readonly #socket: Socket;
  readonly #subscriptions = new Map<string, Subscription>();
  #opened: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #state: "opening" | "open" | "closed" = "opening";
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #timeout: number;
  #lastId = 0;

  private constructor(options: LinkOptions) {
    this.#options = {
      patience: 10_000,
      socket: (url, protocols) => new WebSocket(url, protocols),
      ...options,
    };
    this.#timeout = this.#options.patience;
    this.#socket = this.#options.socket(options.url, subprotocols(options.authorization));
    this.#socket.onopen = () => this.#socket.send(CONNECTION_INIT);
    this.#socket.onmessage = (event) => this.#receive(String(event.data));
    this.#socket.onclose = () => this.#end();
    this.#socket.onerror = () => this.#end();
    this.#watch();
  }

  /** Resolves when the server has acknowledged the connection. */
  static open(options: LinkOptions): Promise<Link> {
    return new Promise((resolve, reject) => {
      const link = new Link(options);
      link.#opened = { resolve: () => resolve(link), reject };
    });
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Channels that are, or are about to be, subscribed to. */
  get channels(): string[] {
    return [...this.#subscriptions.values()].map(({ channel }) => channel);
  }

  /**
   * Resolves when events of the channel will arrive.
   *
   * @throws SubscriptionRefused, or LinkClosed when the connection ended before there was an answer
   */
  subscribe(channel: string): Promise<void> {
    if (this.#state !== "open") return Promise.reject(new LinkClosed("the connection has ended"));
    if (this.channels.includes(channel)) return Promise.resolve();
    this.#lastId += 1;
    const id = String(this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        // A server that answers nothing is as good as gone.
        if (this.#subscriptions.has(id)) this.close();
      }, this.#options.patience);
      this.#subscriptions.set(id, {
        channel,
        done: (error) => {
          clearTimeout(timer);
          if (error === undefined) resolve();
          else reject(error);
        },
      });
      this.#socket.send(subscribeFrame(id, channel, this.#options.authorization));
    });
  }

  unsubscribe(channel: string): void {
    for (const [id, subscription] of this.#subscriptions) {
      if (subscription.channel !== channel) continue;
      this.#subscriptions.delete(id);
      if (this.#state === "open") this.#socket.send(unsubscribeFrame(id));
    }
  }

  close(): void {
    this.#socket.close();
    // The close event of a dead network comes late or never.
    this.#end();
  }

  #receive(text: string): void {
    if (this.#state === "closed") return;
    const frame = parseFrame(text);
    const subscription = "id" in frame ? this.#subscriptions.get(frame.id) : undefined;
    switch (frame.type) {
      case "connection_ack":
        this.#state = "open";
        this.#timeout = frame.timeout;
        this.#opened?.resolve();
        break;
      case "subscribe_success":
        subscription?.done();
        break;
      case "subscribe_error":
        this.#subscriptions.delete(frame.id);
        subscription?.done(new SubscriptionRefused(frame.reason));
        break;
      case "connection_error":
        if (this.#state === "opening") this.close();
        break;
      case "data":
        if (subscription !== undefined) {
          for (const event of frame.events) this.#options.onEvent(subscription.channel, event);
        }
        break;
      default:
        break;
    }
    this.#watch();
  }

  /** Anything that arrives shows that the connection lives; silence for the agreed time ends it. */
  #watch(): void {
    clearTimeout(this.#watchdog);
    if (this.#state !== "closed") this.#watchdog = setTimeout(() => this.close(), this.#timeout);
  }

  #end(): void {
    if (this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    clearTimeout(this.#watchdog);
    const error = new LinkClosed("the connection has ended");
    for (const { done } of this.#subscriptions.values()) done(error);
    this.#subscriptions.clear();
    this.#opened?.reject(error);
    if (wasOpen) this.#options.onClosed();
  }
}
