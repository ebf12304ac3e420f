/** A text with its web addresses as links. Each piece is a text node: nothing that a user wrote is parsed as HTML. */

import type { VNode } from "preact";
import { splitLinks } from "../text/links.ts";

export function Linked({ text }: { text: string }): VNode {
  return (
    <>
      {splitLinks(text).map(({ start, text: piece, href }) => {
        if (href === undefined) return piece;
        return (
          <a key={start} href={href} target="_blank" rel="noopener noreferrer">
            {piece}
          </a>
        );
      })}
    </>
  );
}
