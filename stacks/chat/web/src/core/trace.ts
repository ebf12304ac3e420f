/** W3C Trace Context: the id by which what a user did is followed through the back end. */

export interface Trace {
  /** 32 hexadecimal digits: the correlation id of every log line. */
  id: string;
  /** The header that carries it. */
  traceparent: string;
}

const HEX_ID = /^[0-9a-f]{32}$/;

function hex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param uuid of what is sent again under the id that it had */
export function newTrace(uuid = ""): Trace {
  const digits = uuid.replaceAll("-", "").toLowerCase();
  const id = HEX_ID.test(digits) ? digits : hex(16);
  return { id, traceparent: `00-${id}-${hex(8)}-01` };
}
