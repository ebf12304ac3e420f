/** Finds the web addresses in a text. */

import { LinkifyIt } from "linkify-it";

export interface Piece {
  /** Its place in the whole text. */
  start: number;
  text: string;
  /** Set when this piece is a web address. */
  href?: string;
}

// Only what is written with http: or https:, because `readme.md` is a valid host name too.
const finder = new LinkifyIt({ fuzzyLink: false, fuzzyEmail: false });
for (const scheme of ["ftp:", "mailto:", "//"]) finder.add(scheme, null);

/** Split a text into web addresses and what is between them. */
export function splitLinks(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { index, lastIndex, raw, url } of finder.match(text) ?? []) {
    pieces.push({ start: end, text: text.slice(end, index) }, { start: index, text: raw, href: url });
    end = lastIndex;
  }
  return [...pieces, { start: end, text: text.slice(end) }].filter((piece) => piece.text !== "");
}
