/** A text with its web addresses as links. Every part is a text node: nothing that a user wrote is parsed as HTML. */

import { tokenize } from "linkifyjs";
import type { VNode } from "preact";

export function Linked({ text }: { text: string }): VNode {
  return (
    <>
      {tokenize(text).map((token) => {
        const written = token.toString();
        // `readme.md` is a valid host name, so only addresses that are written with their scheme become links.
        if (token.t !== "url" || !/^https?:/i.test(written)) return written;
        return (
          <a href={written} target="_blank" rel="noopener noreferrer">
            {written}
          </a>
        );
      })}
    </>
  );
}
