import { beforeEach, describe, expect, it } from "vitest";
import { Account, type AccountOptions, claimOf, SignedOut } from "../src/core/account.ts";
import { clear } from "../src/core/storage.ts";
import { MapStore } from "./stores.ts";

class Over extends Error {}

function token(sub: string): string {
  const bytes = new TextEncoder().encode(JSON.stringify({ sub, name: "花子" }));
  return `h.${btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "")}.s`;
}

describe("account", () => {
  let store: MapStore;
  let tab: MapStore;
  let now: number;
  let refreshes: string[];
  let revoked: string[];
  let answer: () => Promise<{ accessToken: string; refreshToken?: string; expiresIn: number }>;
  let ended: number;
  let turn: Promise<unknown>;

  /** An account in a tab; all of them share one browser. */
  const account = (own: MapStore = tab): Account => {
    const exclusively: NonNullable<AccountOptions["exclusively"]> = (work) => {
      const mine = turn.then(work);
      turn = mine.catch(() => undefined);
      return mine;
    };
    return new Account({
      store,
      refresh: (refreshToken) => {
        refreshes.push(refreshToken);
        return answer();
      },
      revoke: (refreshToken) => void revoked.push(refreshToken),
      isOver: (error) => error instanceof Over,
      clear: (...except) => {
        clear(store, ...except);
        clear(own, ...except);
      },
      clearTab: () => clear(own),
      onSignedOut: () => {
        ended += 1;
      },
      exclusively,
      now: () => now,
    });
  };

  beforeEach(() => {
    store = new MapStore();
    tab = new MapStore();
    now = 0;
    refreshes = [];
    revoked = [];
    ended = 0;
    turn = Promise.resolve();
    answer = async () => ({ accessToken: "second", refreshToken: "next", expiresIn: 3600 });
  });

  const signIn = (one: Account, name = "hanako"): void => {
    one.signIn(`${name}@example.com`, { accessToken: token(name), refreshToken: "refresh", expiresIn: 3600 });
  };

  it("reads claims, in any script", () => {
    expect(claimOf(token("hanako"), "sub")).toBe("hanako");
    expect(claimOf(token("hanako"), "name")).toBe("花子");
    expect(claimOf("nonsense", "sub")).toBe("");
  });

  it("survives a reload", async () => {
    signIn(account());
    const again = account();
    expect(again.current?.user).toBe("hanako");
    expect(await again.accessToken()).toBe(token("hanako"));
    expect(refreshes).toEqual([]);
  });

  it("renews a token shortly before its end, once for all who ask, and keeps the next refresh token", async () => {
    const one = account();
    signIn(one);
    now = 3600_000 - 30_000;
    expect(await Promise.all([one.accessToken(), one.accessToken()])).toEqual(["second", "second"]);
    expect(refreshes).toEqual(["refresh"]);
    expect(one.current?.refreshToken).toBe("next");
  });

  it("renews in one of two tabs, and the other takes what that one got", async () => {
    const one = account();
    signIn(one);
    const other = account(new MapStore());
    now = 3600_000 - 30_000;
    expect(await Promise.all([one.accessToken(), other.accessToken()])).toEqual(["second", "second"]);
    expect(refreshes).toEqual(["refresh"]);
    expect(other.current?.refreshToken).toBe("next");
    expect(ended).toBe(0);
  });

  it("does not bring back a session that another tab ended while it was renewed", async () => {
    const one = account();
    signIn(one);
    const other = account(new MapStore());
    answer = async () => {
      other.signOut();
      return { accessToken: "second", refreshToken: "next", expiresIn: 3600 };
    };
    now = 3600_000 - 30_000;
    await expect(one.accessToken()).rejects.toThrow(SignedOut);
    expect(store.keys()).toEqual([]);
    expect(revoked).toEqual(["refresh", "next"]);
  });

  it("renews a token that was refused", async () => {
    const one = account();
    signIn(one);
    expect(await one.accessToken(token("hanako"))).toBe("second");
  });

  it("goes on with a token that is still good while the home Region is away", async () => {
    const one = account();
    signIn(one);
    answer = () => Promise.reject(new Error("no answer"));
    now = 3600_000 - 30_000;
    expect(await one.accessToken()).toBe(token("hanako"));
    now = 3600_000 + 1;
    await expect(one.accessToken()).rejects.toThrow("no answer");
    expect(one.current?.user).toBe("hanako");
    expect(ended).toBe(0);
  });

  it("ends when Cognito says that the session has ended", async () => {
    const one = account();
    signIn(one);
    answer = () => Promise.reject(new Over());
    now = 3600_000;
    await expect(one.accessToken()).rejects.toThrow(SignedOut);
    expect(ended).toBe(1);
    expect(store.getItem("chat.account")).toBeNull();
  });

  it("keeps what is not sent yet when the session ends by itself, for its user and nobody else", async () => {
    const one = account();
    signIn(one);
    store.setItem("chat.outbox.hanako", "[]");
    tab.setItem("chat.draft.hanako.r1", "half a sentence");
    answer = () => Promise.reject(new Over());
    now = 3600_000;
    await expect(one.accessToken()).rejects.toThrow(SignedOut);
    signIn(account());
    expect(store.getItem("chat.outbox.hanako")).toBe("[]");
    expect(tab.getItem("chat.draft.hanako.r1")).toBe("half a sentence");
    store.removeItem("chat.account");
    store.setItem("chat.name", "Liam");
    signIn(account(), "liam");
    expect(store.keys()).toEqual(["chat.account", "chat.name", "chat.owner"]);
    expect(tab.keys()).toEqual([]);
  });

  it("leaves nothing but the preferences when the user signs out, and revokes the newest token", async () => {
    const one = account();
    signIn(one);
    for (const key of ["invite.r1", "outbox.hanako", "name", "language", "theme"]) store.setItem(`chat.${key}`, "x");
    store.setItem("other.page", "x");
    tab.setItem("chat.draft.hanako.r1", "x");
    const other = account(new MapStore());
    now = 3600_000 - 30_000;
    await other.accessToken();
    one.signOut();
    expect(store.keys()).toEqual(["chat.language", "chat.theme", "other.page"]);
    expect(tab.keys()).toEqual([]);
    expect(revoked).toEqual(["next"]);
    expect(ended).toBe(0);
  });

  it("notices that another tab signed out, and drops what this tab alone has kept", () => {
    const one = account();
    signIn(one);
    tab.setItem("chat.draft.hanako.r1", "x");
    account(new MapStore()).signOut();
    one.reload();
    expect(one.current).toBeUndefined();
    expect(ended).toBe(1);
    expect(tab.keys()).toEqual([]);
  });

  it("drops what a tab brings back that was closed before the user signed out", () => {
    tab.setItem("chat.draft.hanako.r1", "x");
    account();
    expect(tab.keys()).toEqual([]);
  });
});
