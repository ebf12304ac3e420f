/**
 * Where a reader stands in a room: for each log, the number of the last entry it has (decisions 0002 and 0032). A Region
 * keeps a log of messages, which has its name, and a log of changes.
 */

export type Cursor = Readonly<Record<string, number>>;

/** Read `ap-northeast-1:17,us-west-2:5,us-west-2.changes:2`; what is no part of a cursor is left out. */
export function parseCursor(text: string): Cursor {
  const cursor: Record<string, number> = {};
  for (const part of text.split(",")) {
    const match = /^([a-z0-9.-]+):(\d{1,12})$/.exec(part);
    if (match?.[1] !== undefined) cursor[match[1]] = Number(match[2]);
  }
  return cursor;
}

export function formatCursor(cursor: Cursor): string {
  return Object.entries(cursor)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([region, sequence]) => `${region}:${sequence}`)
    .join(",");
}

/** Whether a reader at `cursor` has everything that a reader at `other` has. */
export function covers(cursor: Cursor, other: Cursor): boolean {
  return Object.entries(other).every(([region, sequence]) => (cursor[region] ?? 0) >= sequence);
}

/** The later place of both, Region by Region. */
export function furthest(cursor: Cursor, other: Cursor): Cursor {
  const merged: Record<string, number> = { ...cursor };
  for (const [region, sequence] of Object.entries(other)) merged[region] = Math.max(merged[region] ?? 0, sequence);
  return merged;
}

/** The log of changes of a Region. */
export function changesOf(region: string): string {
  return `${region}.changes`;
}

/** The part of a cursor that is about messages. */
export function messagesOnly(cursor: Cursor): Cursor {
  return Object.fromEntries(Object.entries(cursor).filter(([log]) => !log.includes(".")));
}

export interface Numbered {
  region: string;
  sequence: number;
}

/** How a message stands to a cursor: already passed, the very next of its Region, or with something missing before. */
export function placeOf({ region, sequence }: Numbered, cursor: Cursor): "passed" | "next" | "gap" {
  const last = cursor[region] ?? 0;
  if (sequence <= last) return "passed";
  return sequence === last + 1 ? "next" : "gap";
}
