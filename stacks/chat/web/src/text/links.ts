/** Finds web and mail addresses in a text. */

import { LinkifyIt } from "linkify-it";

export interface Piece {
  /** Its place in the whole text. */
  start: number;
  text: string;
  /** Set when this piece is an address. */
  href?: string;
}

// Of what has no scheme only what begins with www. and mail addresses, because `readme.md` is a valid host name too.
const finder = new LinkifyIt({ fuzzyLink: false, fuzzyEmail: true });
for (const scheme of ["ftp:", "//"]) finder.add(scheme, null);
finder.add("www.", {
  validate: (text, position, { re }) => {
    const host = re.get_relative_proto_validator();
    host.lastIndex = position;
    return host.exec(text)?.[0].length ?? 0;
  },
  normalize: (match) => {
    match.url = `https://${match.raw}`;
  },
});

/** In Japanese no blank stands behind an address: one of Latin letters ends where they do, as in `a@example.comまで`. */
const RUN_ON = /^[!-"$-.0->@-~]*(?:\/\/[!-"$-.0->@-~]+)?\.[a-z]{2,63}(?=[^\p{ASCII}])/iu;

/** Split a text into addresses and what is between them. */
export function splitLinks(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { index, raw, url } of finder.match(text) ?? []) {
    // A sentence that ends inside of brackets leaves its full stop.
    const link = (RUN_ON.exec(raw)?.[0] ?? raw).replace(/[.,;:!?]+$/, "");
    const href = url.slice(0, url.length - raw.length + link.length);
    pieces.push({ start: end, text: text.slice(end, index) }, { start: index, text: link, href });
    end = index + link.length;
  }
  return [...pieces, { start: end, text: text.slice(end) }].filter((piece) => piece.text !== "");
}
