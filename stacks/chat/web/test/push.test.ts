import { beforeEach, describe, expect, it, vi } from "vitest";
import { isOpenRoom, parsePushed } from "../src/core/pushed.ts";
import type { PushBrowser, Subscription } from "../src/core/subscription.ts";
import { PushStore } from "../src/state/push.ts";
import { MapStore } from "./stores.ts";

const KEY = "BAcD_-8";
const bytesOf = (text: string): ArrayBuffer =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0)).buffer;

class FakeBrowser implements PushBrowser {
  permission: NotificationPermission = "default";
  answer: NotificationPermission = "granted";
  current: Subscription | null = null;
  asked = 0;
  #made = 0;

  async ask(): Promise<NotificationPermission> {
    this.asked += 1;
    this.permission = this.answer;
    return this.answer;
  }

  async subscription(): Promise<Subscription | null> {
    return this.current;
  }

  async subscribe(key: string): Promise<Subscription> {
    this.#made += 1;
    const endpoint = `https://push.example.com/${this.#made}`;
    this.current = {
      endpoint,
      options: { applicationServerKey: bytesOf(key) },
      toJSON: () => ({ endpoint, keys: { p256dh: "p", auth: "a" } }),
      unsubscribe: async () => {
        this.current = null;
        return true;
      },
    };
    return this.current;
  }
}

describe("notifications of this browser", () => {
  const settings = { mail: false, push: true, quiet_minutes: 15, language: "en" as const };
  const api = {
    notices: vi.fn(async () => settings),
    setNotices: vi.fn(async (wanted: typeof settings) => wanted),
    addBrowser: vi.fn(async () => ({ device: "d-1" })),
    removeDevice: vi.fn(async () => undefined),
  };
  let browser: FakeBrowser;
  let store: MapStore;

  async function started(key = KEY): Promise<PushStore> {
    const push = new PushStore({ api: api as never, store, browser: async () => browser });
    await push.begin(key);
    return push;
  }

  beforeEach(() => {
    vi.clearAllMocks();
    browser = new FakeBrowser();
    store = new MapStore();
  });

  it("is offered, and the browser is asked by nobody but the user's click", async () => {
    const push = await started();
    expect([push.state.value, push.offered.value, browser.asked]).toEqual(["off", true, 0]);
    await push.enable();
    expect([push.state.value, push.offered.value, browser.asked]).toEqual(["on", false, 1]);
    expect(api.addBrowser).toHaveBeenCalledExactlyOnceWith({
      endpoint: "https://push.example.com/1",
      keys: { p256dh: "p", auth: "a" },
    });
    expect(api.setNotices).not.toHaveBeenCalled();
  });

  it("is not offered again to who said no, nor where there is no Web Push", async () => {
    (await started()).dismiss();
    expect((await started()).offered.value).toBe(false);
    expect((await started("")).state.value).toBe("unavailable");
  });

  it("switches push on for who had switched it off", async () => {
    api.notices.mockResolvedValueOnce({ ...settings, push: false });
    await (await started()).enable();
    expect(api.setNotices).toHaveBeenCalledExactlyOnceWith(settings);
  });

  it("says that the browser blocks it", async () => {
    browser.answer = "denied";
    const push = await started();
    await push.enable();
    expect([push.state.value, api.addBrowser.mock.calls.length]).toEqual(["blocked", 0]);
    expect((await started()).state.value).toBe("blocked");
  });

  it("is registered once for each subscription, and again for another key", async () => {
    await (await started()).enable();
    expect((await started()).state.value).toBe("on");
    expect(api.addBrowser).toHaveBeenCalledOnce();
    await started("BAcD_-9");
    expect(api.addBrowser).toHaveBeenLastCalledWith(
      expect.objectContaining({ endpoint: "https://push.example.com/2" }),
    );
  });

  it("ends in the browser and in the back end", async () => {
    const push = await started();
    await push.enable();
    api.removeDevice.mockRejectedValueOnce(new Error("no network"));
    await push.disable();
    expect([push.state.value, browser.current, store.keys()]).toEqual(["off", null, []]);
    expect(api.removeDevice).toHaveBeenCalledExactlyOnceWith("d-1");
  });
});

describe("a push message", () => {
  const message = { title: "Hanami", body: "Liam: here", topic: "r-1", link: "https://chat.example.com/rooms/r-1" };

  it("names its room", () => {
    expect(parsePushed(JSON.stringify(message), "Chat")).toEqual({ title: "Hanami", body: "Liam: here", room: "r-1" });
  });

  it("opens no other site, and is shown whatever it is", () => {
    for (const link of ["https://evil.example/login", "javascript:alert(1)", "//evil.example/rooms/r-1/../x", 7]) {
      expect(parsePushed(JSON.stringify({ ...message, link }), "Chat").room).toBe("");
    }
    for (const text of [undefined, "", "no JSON", "null", "[]", '{"title": 7}']) {
      expect(parsePushed(text, "Chat")).toEqual({ title: "Chat", body: "", room: "" });
    }
  });

  it("is told to the page in one form", () => {
    expect([{ kind: "open", room: "r-1" }, { kind: "open" }, null, "open"].map(isOpenRoom)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
