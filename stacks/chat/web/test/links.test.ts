import { describe, expect, it } from "vitest";
import { splitLinks } from "../src/text/links.ts";

/** The text with each link in brackets. */
function marked(text: string): string {
  return splitLinks(text)
    .map(({ text: piece, href }) => (href === undefined ? piece : `[${piece}]`))
    .join("");
}

describe("web addresses in a text", () => {
  it.each([
    ["see https://example.com/a?b=c#d.", "see [https://example.com/a?b=c#d]."],
    ["(https://example.com/Foo_(bar)), ok", "([https://example.com/Foo_(bar)]), ok"],
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
    "me@example.com",
    "mailto:me@example.com",
    "javascript:alert(1)",
    "//a.b",
    "ftp://a.b",
  ])("are not %s", (text) => {
    expect(splitLinks(text)).toEqual([{ start: 0, text }]);
  });
});
