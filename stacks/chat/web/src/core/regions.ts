/** Which Region's API to ask: the preferred one, until it fails; then the next, and back after a while. */

import type { Api } from "./config.ts";

/** For this long an API that failed is asked only when no other is left, in milliseconds. */
const REST = 60_000;

/** The common name's API, which leads to one of the Regions; `stacks/chat/web_stack.py` calls it so. */
export const NEAREST = "nearest";

export class Regions {
  readonly #apis: readonly Api[];
  readonly #failedAt = new Map<Api, number>();
  readonly #now: () => number;
  #current: Api;

  constructor(apis: readonly Api[], now: () => number = Date.now) {
    const [first] = apis;
    if (first === undefined) throw new Error("no API");
    this.#apis = apis;
    this.#current = first;
    this.#now = now;
  }

  get current(): Api {
    return this.#current;
  }

  /** All APIs in the order in which to try them. */
  order(): Api[] {
    const tired = (api: Api): boolean => this.#now() - (this.#failedAt.get(api) ?? Number.NEGATIVE_INFINITY) < REST;
    const rested = this.#apis.filter((api) => !tired(api));
    const others = this.#apis.filter(tired);
    others.sort((one, other) => (this.#failedAt.get(one) ?? 0) - (this.#failedAt.get(other) ?? 0));
    return [...rested, ...others];
  }

  failed(api: Api): void {
    this.#failedAt.set(api, this.#now());
  }

  /** @returns whether this is another one than before */
  answered(api: Api): boolean {
    this.#failedAt.delete(api);
    const other = this.#current !== api;
    this.#current = api;
    return other;
  }
}
