import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigurationError, parseConfiguration, preferring, reachable, uploadAddress } from "../src/core/config.ts";
import { excess, fileProblem } from "../src/core/files.ts";
import { inviteLink, parseInvite, roomOf } from "../src/core/invite.ts";
import { layout } from "../src/core/layout.ts";
import { unmetRules } from "../src/core/password.ts";
import { Regions } from "../src/core/regions.ts";
import { TypingNotice } from "../src/core/typing.ts";
import { chooseLanguage } from "../src/text/i18n.ts";
import { LANGUAGES } from "../src/text/strings.ts";
import { message, TOKYO } from "./messages.ts";

const valid = {
  apis: [
    { region: "ap-northeast-1", url: "/api/" },
    { region: "us-west-2", url: "https://x.example" },
  ],
  userPool: { region: "ap-northeast-1", clientId: "c", endpoint: "https://cognito-idp.example/" },
};

describe("configuration", () => {
  it("is read, and a mistake is named", () => {
    expect(parseConfiguration(valid).apis[0]).toEqual({ region: "ap-northeast-1", url: "/api" });
    expect(parseConfiguration(valid).typing).toBe(true);
    expect(parseConfiguration({ ...valid, typing: false }).typing).toBe(false);
    expect(() => parseConfiguration({ ...valid, apis: [] })).toThrow(ConfigurationError);
    expect(() => parseConfiguration({ ...valid, apis: [{ region: "x" }] })).toThrow("apis[0].url");
    expect(() => parseConfiguration({ apis: valid.apis })).toThrow("userPool");
  });

  it("prefers a Region without forgetting the others", () => {
    const { apis } = parseConfiguration(valid);
    expect(preferring(apis, "us-west-2").map(({ region }) => region)).toEqual(["us-west-2", "ap-northeast-1"]);
    expect(preferring(apis, "elsewhere")).toEqual(apis);
  });

  it("reaches AWS's names on a developer's machine", () => {
    expect(reachable("https://d1.cloudfront.net/a?b=c", undefined)).toBe("https://d1.cloudfront.net/a?b=c");
    expect(reachable("https://d1.cloudfront.net/a?b=c", "localhost:4566")).toBe(
      "http://d1.cloudfront.net.localhost:4566/a?b=c",
    );
    expect(reachable("wss://x.localhost:4566/event", "localhost:4566")).toBe("ws://x.localhost:4566/event");
    expect(reachable("/api", "localhost:4566")).toBe("/api");
    expect(reachable("http://127.0.0.1:4566/bucket", "localhost:4566")).toBe("http://127.0.0.1:4566/bucket");
  });

  it("posts forms below the page's own name where a bucket has a path there", () => {
    const uploads = [{ bucket: "files-1", url: "/regions/us-west-2/uploads/" }];
    const configuration = parseConfiguration({ ...valid, uploads });
    for (const form of ["https://files-1.s3.us-west-2.amazonaws.com/", "http://127.0.0.1:4566/files-1"]) {
      expect(uploadAddress(form, configuration)).toBe("/regions/us-west-2/uploads/");
      expect(uploadAddress(form, parseConfiguration(valid))).toBe(form);
    }
    expect(uploadAddress("https://files-10.s3.us-west-2.amazonaws.com/", configuration)).toContain("files-10");
    expect(() => parseConfiguration({ ...valid, uploads: [{ bucket: "b" }] })).toThrow("uploads[0].url");
  });
});

describe("Regions", () => {
  const apis = parseConfiguration(valid).apis;

  it("falls over to the next, stays there while the first rests, and comes back", () => {
    let now = 0;
    const regions = new Regions(apis, () => now);
    const order = (): string[] => regions.order().map(({ region }) => region);
    const [first, second] = regions.order();
    if (first === undefined || second === undefined) throw new Error("two expected");
    expect(order()).toEqual(["ap-northeast-1", "us-west-2"]);
    regions.failed(first);
    expect(regions.answered(second)).toBe(true);
    expect(order()).toEqual(["us-west-2", "ap-northeast-1"]);
    expect(regions.answered(second)).toBe(false);
    now = 61_000;
    expect(order()).toEqual(["ap-northeast-1", "us-west-2"]);
    regions.failed(first);
    now = 62_000;
    regions.failed(second);
    // When all have failed, the one that has rested longest is asked first.
    expect(order()).toEqual(["ap-northeast-1", "us-west-2"]);
  });
});

describe("invites", () => {
  it("keep the code behind the #, where no server sees it", () => {
    const link = inviteLink("https://chat.example.com", { room: "r-1", code: "abc_DEF" });
    expect(link).toBe("https://chat.example.com/rooms/r-1#invite=abc_DEF");
    expect(parseInvite(` ${link} `)).toEqual({ room: "r-1", code: "abc_DEF" });
    expect(new URL(link).pathname + new URL(link).search).not.toContain("abc");
  });

  it("are not made out of anything else", () => {
    for (const text of ["", "hello", "https://chat.example.com/rooms/r-1", "https://x/rooms/a b#invite=c"]) {
      expect(parseInvite(text)).toBeUndefined();
    }
    expect(roomOf("/rooms/../x")).toBeUndefined();
  });
});

describe("files and texts", () => {
  it("are refused before anything is sent", () => {
    expect(fileProblem({ type: "image/png", size: 10 })).toBeUndefined();
    expect(fileProblem({ type: "image/png", size: 11_000_000 })).toBe("fileTooLarge");
    expect(fileProblem({ type: "application/x-msdownload", size: 10 })).toBe("fileType");
    for (const type of ["image/bmp", "image/x-icon", "image/vnd.microsoft.icon"])
      expect(fileProblem({ type, size: 10 })).toBeUndefined();
  });

  it("are measured in bytes", () => {
    expect(excess("a".repeat(4096))).toBe(0);
    expect(excess("桜".repeat(1366))).toBe(2);
  });
});

describe("passwords", () => {
  it("are told what they lack", () => {
    expect(unmetRules("")).toHaveLength(5);
    expect(unmetRules("Correct-horse-9")).toEqual([]);
    expect(unmetRules("correcthorse9")).toEqual(["ruleUpper", "ruleSymbol"]);
  });
});

describe("typing", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("is said at once, seldom again, and ended", () => {
    const told: boolean[] = [];
    const notice = new TypingNotice({ tell: (typing) => told.push(typing) });
    notice.key();
    notice.key();
    expect(told).toEqual([true]);
    vi.advanceTimersByTime(3_100);
    notice.key();
    expect(told).toEqual([true, true]);
    vi.advanceTimersByTime(4_100);
    expect(told).toEqual([true, true, false]);
    notice.stop();
    expect(told).toEqual([true, true, false]);
  });
});

describe("layout", () => {
  const at = (minutes: number): number => Date.UTC(2026, 3, 1, 3, minutes);

  it("groups an author's messages, heads days, and marks what is new", () => {
    const messages = [
      message(TOKYO, 1, at(0)),
      message(TOKYO, 2, at(1)),
      message(TOKYO, 3, at(2), { author: "liam" }),
      message(TOKYO, 4, at(30), { author: "liam" }),
    ];
    const rows = layout({ me: "hanako", messages, outgoing: [], complete: true, firstNew: "ap-northeast-1-3" });
    expect(
      rows.map((row) => (row.kind === "message" ? `${row.message.sequence}${row.leads ? "!" : ""}` : row.kind)),
    ).toEqual(["start", "day", "1!", "2", "new", "3!", "4!"]);
  });

  it("shows what waits after what is stored, and each once", () => {
    const stored = message(TOKYO, 1, at(0), { client_message_id: "c1" });
    const waiting = (id: string) => ({ client_message_id: id, room: "r1", text: "", attachments: [], written_at: 0 });
    const rows = layout({
      me: "hanako",
      messages: [stored],
      outgoing: [waiting("c1"), waiting("c2"), waiting("c3")],
      complete: false,
    });
    expect(rows.map(({ key }) => key).slice(1)).toEqual(["mine-c1", "mine-c2", "mine-c3"]);
  });
});

describe("languages", () => {
  it("are chosen, else the browser's, else English", () => {
    expect(chooseLanguage("ja", ["en-US"])).toBe("ja");
    expect(chooseLanguage(null, ["fr", "ja-JP", "en"])).toBe("ja");
    expect(chooseLanguage(null, ["fr"])).toBe("en");
  });

  it("fill in the same values", () => {
    const values = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([one]) => one).sort();
    for (const [key, text] of Object.entries(LANGUAGES.en)) {
      expect([key, values(LANGUAGES.ja[key as keyof typeof LANGUAGES.ja])]).toEqual([key, values(text)]);
    }
  });
});
