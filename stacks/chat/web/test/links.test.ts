import { describe, expect, it } from "vitest";
import { splitLinks } from "../src/text/links.ts";

/** The text with each link in brackets. */
function marked(text: string): string {
  return splitLinks(text)
    .map(({ text: piece, href }) => (href === undefined ? piece : `[${piece}]`))
    .join("");
}

describe("addresses in a text", () => {
  it.each([
    ["see https://example.com/a?b=c#d.", "see [https://example.com/a?b=c#d]."],
    ["(https://example.com/Foo_(bar)), ok", "([https://example.com/Foo_(bar)]), ok"],
    ["https://en.wikipedia.org/wiki/Foo_(bar)", "[https://en.wikipedia.org/wiki/Foo_(bar)]"],
    ["(see https://a.b/x_(y)_[z]?q=(1).)", "(see [https://a.b/x_(y)_[z]?q=(1)].)"],
    ["（https://a.b/桜_(曖昧さ回避)）", "（[https://a.b/桜_(曖昧さ回避)]）"],
    ["(https://a.b/x), (www.a.b)", "([https://a.b/x]), ([www.a.b])"],
    ["WWW.example.com/a_(b)?c=d, ok", "[WWW.example.com/a_(b)?c=d], ok"],
    ["「www.example.com」、www.example.com:8080", "「[www.example.com]」、[www.example.com:8080]"],
    ["https://example.comへ www.example.comは", "[https://example.com]へ [www.example.com]は"],
    ["https://例え.jpへ", "[https://例え.jpへ]"],
    ["me@example.com, <x.y+z@mail.example.co.jp>", "[me@example.com], <[x.y+z@mail.example.co.jp]>"],
    ["me@example.comまで", "[me@example.com]まで"],
    ["mailto:me@example.com", "[mailto:me@example.com]"],
    ["https://example.com/。次", "[https://example.com/]。次"],
    ["「https://example.com/あ」です", "「[https://example.com/あ]」です"],
    ["http://localhost:3000/x\nhttps://a.b", "[http://localhost:3000/x]\n[https://a.b]"],
    ["https://a.b/<script>", "[https://a.b/]<script>"],
    ["https://example.com/rooms/r-1#invite=XYZ,", "[https://example.com/rooms/r-1#invite=XYZ],"],
  ])("are found in %s", (text, expected) => {
    expect(marked(text)).toBe(expected);
  });

  it.each([
    "readme.md",
    "example.com",
    "www.",
    "www.a",
    "xwww.a.b",
    "me@example",
    "a @ b.de",
    "javascript:alert(1)",
    "//a.b",
    "ftp://a.b",
  ])("are not %s", (text) => {
    expect(splitLinks(text)).toEqual([{ start: 0, text }]);
  });

  it("lead where they say", () => {
    const hrefs = splitLinks("www.example.comへ me@example.comまで http://a.b mailto:me@a.b").map(({ href }) => href);
    expect(hrefs.filter((href) => href !== undefined)).toEqual([
      "https://www.example.com",
      "mailto:me@example.com",
      "http://a.b",
      "mailto:me@a.b",
    ]);
  });
});
