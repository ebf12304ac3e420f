import { beforeEach, describe, expect, it } from "vitest";
import { Account, claimOf, SignedOut } from "../src/core/account.ts";

class Over extends Error {}

function token(sub: string): string {
  const bytes = new TextEncoder().encode(JSON.stringify({ sub, name: "花子" }));
  return `h.${btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "")}.s`;
}

describe("account", () => {
  const kept = new Map<string, string>();
  const store = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  let now: number;
  let refreshes: string[];
  let answer: () => Promise<{ accessToken: string; expiresIn: number }>;
  let ended: number;

  const account = (): Account =>
    new Account({
      store,
      refresh: (refreshToken) => {
        refreshes.push(refreshToken);
        return answer();
      },
      isOver: (error) => error instanceof Over,
      onSignedOut: () => {
        ended += 1;
      },
      now: () => now,
    });

  beforeEach(() => {
    kept.clear();
    now = 0;
    refreshes = [];
    ended = 0;
    answer = async () => ({ accessToken: "second", expiresIn: 3600 });
  });

  const signIn = (one: Account): void => {
    one.signIn("hanako@example.com", { accessToken: token("hanako"), refreshToken: "refresh", expiresIn: 3600 });
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

  it("renews a token shortly before its end, once for all who ask, and keeps the refresh token", async () => {
    const one = account();
    signIn(one);
    now = 3600_000 - 30_000;
    expect(await Promise.all([one.accessToken(), one.accessToken()])).toEqual(["second", "second"]);
    expect(refreshes).toEqual(["refresh"]);
    expect(one.current?.refreshToken).toBe("refresh");
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
    expect(kept.size).toBe(0);
  });

  it("notices that another tab signed out", () => {
    const one = account();
    signIn(one);
    kept.clear();
    one.reload();
    expect(one.current).toBeUndefined();
    expect(ended).toBe(1);
  });
});
