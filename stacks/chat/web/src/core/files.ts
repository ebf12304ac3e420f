/** What may be attached; the back end checks the bytes again. */

export const LARGEST_FILE = 10 * 1024 * 1024;
export const MOST_FILES = 10;
// Browsers have two names for icons; the back end knows both.
export const FILE_TYPES = [
  "image/jpeg",
  "image/png",
  "image/gif",
  "image/webp",
  "image/bmp",
  "image/vnd.microsoft.icon",
  "image/x-icon",
  "application/pdf",
];
export const LONGEST_TEXT = 4096;

export type FileProblem = "fileTooLarge" | "fileType";

export function fileProblem({ type, size }: { type: string; size: number }): FileProblem | undefined {
  if (!FILE_TYPES.includes(type)) return "fileType";
  return size > LARGEST_FILE ? "fileTooLarge" : undefined;
}

/** Bytes of UTF-8 that a text has too many. */
export function excess(text: string): number {
  return Math.max(0, new TextEncoder().encode(text).length - LONGEST_TEXT);
}
