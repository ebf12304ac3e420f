/** What waits to be stored: kept over reloads, sent in order, each with one id for all of its tries. */

import { delayAfter, type Sleep, sleep } from "./backoff.ts";
import type { Store } from "./storage.ts";

export interface Queued {
  room: string;
  /** Set when the back end refused it: sending it again will not help unless the user wants it. */
  refused?: string;
  /** Set while the back end takes no more for now: seconds from the last try to the next one. */
  waits?: number;
}

/** How a try ended that stored nothing. */
export class SendFailed extends Error {
  readonly again: boolean;
  /** Seconds until another try may succeed, if the back end has said so. */
  readonly after: number | undefined;

  /** @param again whether another try may succeed */
  constructor(message: string, again: boolean, after?: number) {
    super(message);
    this.again = again;
    this.after = after;
  }
}

export interface QueueOptions<Out extends Queued, Stored> {
  /** Whose it is; each user has a queue of his own. */
  user: string;
  store: Store;
  /** @throws SendFailed */
  send: (one: Out) => Promise<Stored>;
  onSent: (stored: Stored, one: Out) => void;
  onChange: () => void;
  newId?: () => string;
  now?: () => number;
  pause?: Sleep;
  random?: () => number;
}

/** What a kind of queue knows of its entries. */
export interface Kind<Out extends Queued> {
  /** Key in the store, before the user. */
  key: string;
  idOf: (one: Out) => string;
  /** Whether something that was kept is an entry. */
  isOne: (kept: unknown) => kept is Out;
}

const RETRY = { base: 1_000, cap: 30_000 };

export class Queue<Out extends Queued, Stored> {
  protected readonly options: QueueOptions<Out, Stored>;
  readonly #kind: Kind<Out>;
  readonly #key: string;
  #waiting: Out[];
  #sending = false;
  readonly #stopped = new AbortController();
  #wake: AbortController | undefined;

  constructor(options: QueueOptions<Out, Stored>, kind: Kind<Out>) {
    this.options = options;
    this.#kind = kind;
    this.#key = `${kind.key}.${options.user}`;
    this.#waiting = this.#load();
  }

  /** What waits in a room, in the order in which it was written. */
  of(room: string): Out[] {
    return this.#waiting.filter((one) => one.room === room);
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Try a refused one once more, under the id that it had. */
  retry(id: string): void {
    for (const one of this.#waiting) if (this.#kind.idOf(one) === id) delete one.refused;
    this.#changed();
    void this.flush();
  }

  discard(id: string): void {
    this.#waiting = this.#waiting.filter((one) => this.#kind.idOf(one) !== id);
    this.#changed();
  }

  /** It was seen in the room, so it is stored, whatever became of the answer. */
  settle(id: string): void {
    if (this.#waiting.some((one) => this.#kind.idOf(one) === id)) this.discard(id);
  }

  /** Send, and keep, nothing more: what waits is kept already, or was removed because the user signed out. */
  stop(): void {
    this.#stopped.abort();
    this.#wake?.abort();
  }

  /** Send what waits, one after the other; a call while that goes on only ends a pause that the back end did not ask for. */
  async flush(): Promise<void> {
    if (this.#sending) {
      this.#wake?.abort();
      return;
    }
    this.#sending = true;
    const { send, onSent, pause = sleep, random = Math.random } = this.options;
    let failures = 0;
    try {
      for (let next = this.#next(); next !== undefined && !this.#stopped.signal.aborted; next = this.#next()) {
        try {
          delete next.waits;
          const stored = await send(next);
          failures = 0;
          this.#waiting = this.#waiting.filter((one) => one !== next);
          onSent(stored, next);
          this.#changed();
        } catch (error) {
          if (error instanceof SendFailed && !error.again) {
            next.refused = error.message;
            this.#changed();
            continue;
          }
          if (error instanceof SendFailed && error.after !== undefined) {
            next.waits = error.after;
            this.#changed();
            await pause(error.after * 1000, this.#stopped.signal);
            continue;
          }
          failures += 1;
          this.#wake = new AbortController();
          await pause(delayAfter(failures, { ...RETRY, random }), this.#wake.signal);
        }
      }
    } finally {
      this.#sending = false;
    }
  }

  protected push(one: Out): void {
    this.#waiting.push(one);
    this.#changed();
    void this.flush();
  }

  #next(): Out | undefined {
    return this.#waiting.find((one) => one.refused === undefined);
  }

  #load(): Out[] {
    try {
      const kept: unknown = JSON.parse(this.options.store.getItem(this.#key) ?? "[]");
      return Array.isArray(kept) ? kept.filter(this.#kind.isOne) : [];
    } catch {
      return [];
    }
  }

  #changed(): void {
    const { store, onChange } = this.options;
    if (this.#stopped.signal.aborted) return;
    try {
      if (this.#waiting.length > 0) store.setItem(this.#key, JSON.stringify(this.#waiting));
      else store.removeItem(this.#key);
    } catch {
      // A full or forbidden store costs the queue its life over a reload, no more.
    }
    onChange();
  }
}
