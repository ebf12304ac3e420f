/** AppSync Events' WebSocket protocol: what the frames look like. No socket in here. */

import type { LiveEvent } from "./model.ts";

export const PROTOCOL = "aws-appsync-event-ws";

export interface Authorization {
  /** Host of the API's HTTP endpoint, also on the WebSocket. */
  host: string;
  /** Access token. */
  Authorization: string;
}

/** Sub-protocols of a connection: browsers cannot send headers with a WebSocket, so one of them carries the token. */
export function subprotocols(authorization: Authorization): string[] {
  const bytes = new TextEncoder().encode(JSON.stringify(authorization));
  const base64 = btoa(String.fromCharCode(...bytes));
  const base64url = base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return [`header-${base64url}`, PROTOCOL];
}

export type Frame =
  | { type: "connection_ack"; timeout: number }
  | { type: "ka" }
  | { type: "subscribe_success"; id: string }
  | { type: "subscribe_error"; id: string; reason: string }
  | { type: "data"; id: string; events: LiveEvent[] }
  | { type: "connection_error"; reason: string }
  | { type: "other" };

/** Without a keep-alive for this long the connection counts as lost; AWS says 300 s. */
const DEFAULT_TIMEOUT = 300_000;

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function parsed(text: unknown): unknown {
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const KINDS = new Set(["message", "change", "presence", "typing", "members", "attachment"]);

function isLiveEvent(value: unknown): value is LiveEvent {
  return KINDS.has(String(record(value)["kind"]));
}

function reasonOf(frame: Record<string, unknown>): string {
  const errors = Array.isArray(frame["errors"]) ? frame["errors"].map(record) : [];
  return errors.map((error) => `${error["errorType"] ?? "error"}: ${error["message"] ?? ""}`).join("; ");
}

/** Read a frame; unknown kinds of frames and events are passed over, so that the back end may grow. */
export function parseFrame(text: string): Frame {
  const frame = record(parsed(text));
  const id = String(frame["id"] ?? "");
  switch (frame["type"]) {
    case "connection_ack": {
      const timeout = Number(frame["connectionTimeoutMs"]);
      return { type: "connection_ack", timeout: timeout > 0 ? timeout : DEFAULT_TIMEOUT };
    }
    case "ka":
      return { type: "ka" };
    case "subscribe_success":
      return { type: "subscribe_success", id };
    case "subscribe_error":
      return { type: "subscribe_error", id, reason: reasonOf(frame) };
    case "connection_error":
    case "error":
      return { type: "connection_error", reason: reasonOf(frame) };
    case "data": {
      // One event as JSON text; a list of them is taken as well.
      const event = parsed(frame["event"]);
      const events = (Array.isArray(event) ? event : [event]).map(parsed).filter(isLiveEvent);
      return { type: "data", id, events };
    }
    default:
      return { type: "other" };
  }
}

export function subscribeFrame(id: string, channel: string, authorization: Authorization): string {
  return JSON.stringify({ type: "subscribe", id, channel, authorization });
}

export function unsubscribeFrame(id: string): string {
  return JSON.stringify({ type: "unsubscribe", id });
}

export const CONNECTION_INIT = JSON.stringify({ type: "connection_init" });
