import { beforeEach, describe, expect, it, vi } from "vitest";
import { Offline } from "../src/service-worker/offline.ts";

const SITE = "https://chat.example.com";
const RELEASE = { version: "2", files: ["/", "/assets/index-1.js"] };

/** The browser's caches, by name and path. */
class Caches {
  readonly named = new Map<string, Map<string, Response>>();

  async open(name: string): Promise<unknown> {
    const cache = this.named.get(name) ?? new Map<string, Response>();
    this.named.set(name, cache);
    return {
      addAll: async (requests: Request[]) => {
        for (const { url } of requests) cache.set(new URL(url).pathname, new Response("kept"));
      },
      match: async (path: string) => cache.get(path)?.clone(),
      put: async (path: string, response: Response) => void cache.set(path, response),
    };
  }

  keys = async (): Promise<string[]> => [...this.named.keys()];
  delete = async (name: string): Promise<boolean> => this.named.delete(name);
}

/** Node's own class takes no address without a host, and no mode for pages. */
class PageRequest {
  readonly url: string;
  readonly method: string;
  readonly mode: string;

  constructor(path: string, { method = "GET", mode = "cors" }: { method?: string; mode?: string } = {}) {
    this.url = new URL(path, SITE).href;
    this.method = method;
    this.mode = mode;
  }
}

let caches: Caches;
let network: ReturnType<typeof vi.fn<() => Promise<Response>>>;
let offline: Offline;

const answer = async (path: string, options: { method?: string; mode?: string } = {}): Promise<string | undefined> =>
  (await offline.answer(new PageRequest(path, options) as unknown as Request, SITE))?.text();
const page = (path: string): Promise<string | undefined> => answer(path, { mode: "navigate" });

beforeEach(async () => {
  vi.stubGlobal("Request", PageRequest);
  caches = new Caches();
  network = vi.fn(async () => new Response("new"));
  offline = new Offline(RELEASE, { caches: caches as unknown as CacheStorage, fetch: network as typeof fetch });
  await offline.install();
});

describe("the page without a network", () => {
  it("is the one that was kept, at every address of it", async () => {
    network.mockRejectedValue(new TypeError("no network"));
    expect(await page("/rooms/r-1?region=us-west-2")).toBe("kept");
    expect(await answer("/assets/index-1.js")).toBe("kept");
    expect(await answer("/config.json")).toBe("kept");
  });

  it("is the newest one while there is a network", async () => {
    expect(await page("/")).toBe("new");
    expect(await answer("/config.json")).toBe("new");
    network.mockRejectedValue(new TypeError("no network"));
    expect(await answer("/config.json")).toBe("new");
    // A file's name changes with its content.
    expect(await answer("/assets/index-1.js")).toBe("kept");
  });

  it("is the kept one while the site fails", async () => {
    network.mockResolvedValue(new Response("", { status: 503 }));
    expect(await page("/")).toBe("kept");
  });

  it("leaves the API, other hosts and everything that is not its own alone", async () => {
    for (const path of [
      "/api/rooms",
      "/api",
      "/regions/us-west-2/api/rooms",
      "/assets/other.js",
      "https://files.example.com/",
    ]) {
      expect(await answer(path)).toBeUndefined();
    }
    expect(await answer("/config.json", { method: "POST" })).toBeUndefined();
    expect(await page("/api/session")).toBeUndefined();
    expect(network).not.toHaveBeenCalled();
    expect([...(caches.named.get("page-2")?.keys() ?? [])].sort()).toEqual(["/", "/assets/index-1.js", "/config.json"]);
  });

  it("replaces the version before, and nothing that is not its own", async () => {
    await caches.open("page-1");
    await caches.open("push");
    await offline.activate();
    expect((await caches.keys()).sort()).toEqual(["page-2", "push"]);
  });
});
