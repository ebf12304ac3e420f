/** How a text that was found is shown: the part around the words, with the words marked. */

export interface Piece {
  /** Its place in the text. */
  start: number;
  text: string;
  marked: boolean;
}

/** Characters before the first word, and in all. */
const BEFORE = 40;
const LONGEST = 240;

/** As the back end compares texts. A text whose length this changes has no marks, because places would not fit. */
function folded(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

export function excerpt(text: string, words: string): Piece[] {
  const places = placesOf(text, words);
  const first = places[0]?.[0] ?? 0;
  const begin = first > BEFORE ? first - BEFORE : 0;
  const end = Math.min(text.length, begin + LONGEST);
  const pieces: Piece[] = [];
  const add = (from: number, to: number, marked: boolean): void => {
    if (from < to) pieces.push({ start: from, text: text.slice(from, to), marked });
  };
  if (begin > 0) pieces.push({ start: -1, text: "…", marked: false });
  let at = begin;
  for (const [from, to] of places) {
    if (from < at || to > end) continue;
    add(at, from, false);
    add(from, to, true);
    at = to;
  }
  add(at, end, false);
  if (end < text.length) pieces.push({ start: text.length, text: "…", marked: false });
  return pieces;
}

/** Where the words are, in the order of the text. */
function placesOf(text: string, words: string): [number, number][] {
  const searched = folded(text);
  if (searched.length !== text.length) return [];
  const places: [number, number][] = [];
  for (const word of new Set(
    folded(words)
      .split(/\s+/)
      .filter((one) => one !== ""),
  )) {
    for (let at = searched.indexOf(word); at >= 0; at = searched.indexOf(word, at + word.length)) {
      places.push([at, at + word.length]);
    }
  }
  return places.sort(([one], [other]) => one - other);
}
