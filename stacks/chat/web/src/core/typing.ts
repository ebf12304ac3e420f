/** Tells when to say that the user types: at once when it starts, seldom while it goes on, and when it stops. */

export interface TypingOptions {
  tell: (typing: boolean) => void;
  now?: () => number;
}

/** At most so often is it said, in milliseconds. */
const EVERY = 3_000;
/** Without a key for this long nobody is typing. */
const IDLE = 4_000;

export class TypingNotice {
  readonly #options: TypingOptions;
  #told = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(options: TypingOptions) {
    this.#options = options;
  }

  get typing(): boolean {
    return this.#told;
  }

  /** A key was pressed. */
  key(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), IDLE);
    const now = (this.#options.now ?? Date.now)();
    if (now - this.#toldAt < EVERY) return;
    this.#toldAt = now;
    this.#told = true;
    this.#options.tell(true);
  }

  /** The text was sent or deleted. */
  stop(): void {
    clearTimeout(this.#idle);
    if (!this.#told) return;
    this.#told = false;
    this.#options.tell(false);
  }
}
