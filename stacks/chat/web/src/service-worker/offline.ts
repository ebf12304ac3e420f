/**
 * The page without a network: its files are kept when this version is installed, nothing that is private ever is.
 *
 * While there is a network the page itself comes from there, so that nobody works with an old version of it.
 */

export interface Release {
  /** Changes with the content of any of the files. */
  version: string;
  /** Paths of the files that the page consists of; "/" is the page itself. */
  files: readonly string[];
}

/** What a service worker has, as far as it is needed here. */
export interface Network {
  caches: CacheStorage;
  fetch: typeof fetch;
}

/** APIs and buckets that answer below the page's own name. */
const BEHIND = /^\/(?:api|regions)(?:\/|$)/;
const PREFIX = "page-";
const CONFIGURATION = "/config.json";
/** The network is asked for the page this long, in milliseconds: behind a bad connection the kept one is better. */
const PATIENCE = 3_000;

export class Offline {
  readonly #release: Release;
  readonly #network: Network;

  constructor(release: Release, network: Network) {
    this.#release = release;
    this.#network = network;
  }

  /** Keep all files of this version and the configuration, or nothing. */
  async install(): Promise<void> {
    const cache = await this.#cache();
    const paths = [...this.#release.files, CONFIGURATION];
    // Not from the browser's own cache: it may have the page of the version before.
    await cache.addAll(paths.map((path) => new Request(path, { cache: "reload" })));
  }

  /** Remove the versions before. */
  async activate(): Promise<void> {
    const { caches } = this.#network;
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith(PREFIX) && name !== this.#name);
    await Promise.all(old.map((name) => caches.delete(name)));
  }

  /** The answer to a request of the page; undefined for one that is none of its files, above all those to the API. */
  answer(request: Request, origin: string): Promise<Response> | undefined {
    const { origin: asked, pathname } = new URL(request.url);
    if (request.method !== "GET" || asked !== origin || BEHIND.test(pathname)) return undefined;
    if (request.mode === "navigate") return this.#newest(request, "/", PATIENCE);
    if (pathname === CONFIGURATION) return this.#newest(request, CONFIGURATION);
    return this.#release.files.includes(pathname) ? this.#kept(request, pathname) : undefined;
  }

  get #name(): string {
    return `${PREFIX}${this.#release.version}`;
  }

  #cache(): Promise<Cache> {
    return this.#network.caches.open(this.#name);
  }

  async #kept(request: Request, path: string): Promise<Response> {
    const cache = await this.#cache();
    return (await cache.match(path)) ?? this.#network.fetch(request);
  }

  /** Ask the network, and keep its answer for when there is none. */
  async #newest(request: Request, path: string, patience?: number): Promise<Response> {
    const cache = await this.#cache();
    const signal = patience === undefined ? {} : { signal: AbortSignal.timeout(patience) };
    try {
      const response = await this.#network.fetch(request, signal);
      if (path === CONFIGURATION && response.ok) await cache.put(path, response.clone());
      if (response.status < 500) return response;
      return (await cache.match(path)) ?? response;
    } catch (error) {
      const kept = await cache.match(path);
      if (kept === undefined) throw error;
      return kept;
    }
  }
}
