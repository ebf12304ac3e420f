/** Requests to the chat's HTTP API: which Region is asked, when again, and what a refusal says. */

import { delayAfter, sleep } from "../core/backoff.ts";
import { SendFailed } from "../core/outbox.ts";
import type { Regions } from "../core/regions.ts";
import { newTrace, type Trace } from "../core/trace.ts";

/** The API said no. */
export class ApiError extends Error {
  readonly status: number;
  /** Seconds after which the caller may try again: all that the API lets one person do for now is used up. */
  readonly retryAfter: number | undefined;
  /** By which an operator finds what happened. */
  readonly traceId: string | undefined;

  constructor(status: number, message: string, retryAfter?: number, traceId?: string) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.traceId = traceId;
  }
}

/** No Region answered. */
export class ApiUnavailable extends Error {}

export interface Request {
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  /** Whether another Region may be asked when it is not known what became of the request. */
  repeatable?: boolean;
  /** Goes out even when the page is closing. */
  keepalive?: boolean;
  /** By default a new one for each request. */
  trace?: Trace;
}

export interface Tokens {
  accessToken(refused?: string): Promise<string>;
}

const PATIENCE = 12_000;
/** A Region that says 503 or 429 is there, only busy: it is asked again before another one is. */
const BUSY_TRIES = 2;
const BUSY = { base: 800, cap: 3_000 };

/** Header `Retry-After`; an API that is throttled as a whole sends none. */
function secondsOf(response: Response): number | undefined {
  const header = response.headers.get("Retry-After");
  const seconds = Number(header);
  return response.status === 429 && header !== null && Number.isFinite(seconds) ? Math.max(1, seconds) : undefined;
}

/** How a try to store something ended, for the queue that it waits in. */
export function sendFailed(error: unknown): SendFailed {
  const final = error instanceof ApiError && error.status < 500 && error.status !== 429 && error.status !== 401;
  const after = error instanceof ApiError ? error.retryAfter : undefined;
  return new SendFailed(error instanceof Error ? error.message : String(error), !final, after);
}

export class Requests {
  readonly #regions: Regions;
  readonly #tokens: Tokens;
  readonly #onRegion: (region: string) => void;

  constructor(regions: Regions, tokens: Tokens, onRegion: (region: string) => void) {
    this.#regions = regions;
    this.#tokens = tokens;
    this.#onRegion = onRegion;
  }

  /** Ask the Regions one after the other. */
  async call<Answer>(method: string, path: string, request: Request = {}): Promise<Answer> {
    const trace = request.trace ?? newTrace();
    let last: unknown = new ApiUnavailable("no Region answered");
    for (const api of this.#regions.order()) {
      try {
        const answer = await this.#ask<Answer>(api.url, method, path, request, trace);
        if (this.#regions.answered(api)) this.#onRegion(api.region);
        return answer;
      } catch (error) {
        // What is used up in one Region is so in the others.
        const tooMuch = error instanceof ApiError && error.retryAfter !== undefined;
        if (tooMuch || (error instanceof ApiError && error.status < 500 && error.status !== 429)) {
          this.#regions.answered(api);
          throw error;
        }
        if (!(error instanceof ApiError || error instanceof ApiUnavailable)) throw error;
        last = error;
        // Without a network no Region answers, and none is to blame.
        if (!navigator.onLine) break;
        this.#regions.failed(api);
        if (request.repeatable === false) break;
      }
    }
    throw last;
  }

  async #ask<Answer>(base: string, method: string, path: string, request: Request, trace: Trace): Promise<Answer> {
    let token = await this.#tokens.accessToken();
    let renewed = false;
    for (let busy = 1; ; ) {
      const response = await this.#fetch(base, method, path, request, token, trace);
      if (response.ok) return (await response.json().catch(() => ({}))) as Answer;
      if (response.status === 401 && !renewed) {
        renewed = true;
        token = await this.#tokens.accessToken(token);
        continue;
      }
      const retryAfter = secondsOf(response);
      if ((response.status === 503 || response.status === 429) && retryAfter === undefined && busy < BUSY_TRIES) {
        await sleep(delayAfter(busy, BUSY));
        busy += 1;
        continue;
      }
      const problem = (await response.json().catch(() => ({}))) as { message?: string };
      throw new ApiError(response.status, problem.message ?? `HTTP ${response.status}`, retryAfter, trace.id);
    }
  }

  async #fetch(
    base: string,
    method: string,
    path: string,
    request: Request,
    token: string,
    trace: Trace,
  ): Promise<Response> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const url = `${base}${path}${query.size > 0 ? `?${query}` : ""}`;
    try {
      return await fetch(url, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          traceparent: trace.traceparent,
          ...(request.body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        credentials: "omit",
        cache: "no-store",
        keepalive: request.keepalive ?? false,
        signal: AbortSignal.timeout(PATIENCE),
      });
    } catch (error) {
      throw new ApiUnavailable(error instanceof Error ? error.message : "no answer");
    }
  }
}
