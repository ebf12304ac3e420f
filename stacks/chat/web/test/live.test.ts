import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Link, LinkClosed, type Socket, SubscriptionRefused } from "../src/core/link.ts";
import { Live, type LiveState } from "../src/core/live.ts";
import type { LiveEvent, SessionInfo } from "../src/core/model.ts";
import { parseFrame, subprotocols } from "../src/core/protocol.ts";
import { message, settle, TOKYO } from "./messages.ts";

class FakeSocket implements Socket {
  static made: FakeSocket[] = [];
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  sent: Record<string, unknown>[] = [];
  closed = false;

  readonly protocols: string[];

  constructor(_url: string, protocols: string[]) {
    this.protocols = protocols;
    FakeSocket.made.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.onopen?.(new Event("open"));
    this.answer({ type: "connection_ack", connectionTimeoutMs: 300_000 });
  }

  answer(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as MessageEvent);
  }

  lose(): void {
    this.onclose?.(new Event("close") as CloseEvent);
  }

  /** The subscriptions that were asked for. */
  get asked(): Record<string, unknown>[] {
    return this.sent.filter(({ type }) => type === "subscribe");
  }
}

const socket = (url: string, protocols: string[]): Socket => new FakeSocket(url, protocols);
const authorization = { host: "x.appsync-api.example", Authorization: "token" };

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.made = [];
});

afterEach(() => vi.useRealTimers());

describe("protocol", () => {
  it("puts the authorization into a sub-protocol, base64url without padding", () => {
    const [header = "", name] = subprotocols({ host: "h", Authorization: "ö>?" });
    expect(name).toBe("aws-appsync-event-ws");
    expect(header).toMatch(/^header-[A-Za-z0-9_-]+$/);
    const base64 = header.slice("header-".length).replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual({ host: "h", Authorization: "ö>?" });
  });

  it("reads events as JSON text, alone or in a list, and passes over what it does not know", () => {
    const event: LiveEvent = { kind: "members" };
    for (const shape of [JSON.stringify(event), [JSON.stringify(event)], JSON.stringify([event])]) {
      expect(parseFrame(JSON.stringify({ type: "data", id: "1", event: shape }))).toEqual({
        type: "data",
        id: "1",
        events: [event],
      });
    }
    const unknown = JSON.stringify({ type: "data", id: "1", event: '{"kind": "from the future"}' });
    expect(parseFrame(unknown)).toEqual({ type: "data", id: "1", events: [] });
    expect(parseFrame("no json")).toEqual({ type: "other" });
    expect(parseFrame('{"type": "invented"}')).toEqual({ type: "other" });
  });
});

describe("link", () => {
  const events: [string, LiveEvent][] = [];
  let closed = 0;

  async function open(): Promise<{ link: Link; wire: FakeSocket }> {
    events.length = 0;
    closed = 0;
    const opening = Link.open({
      url: "wss://live.example/event/realtime",
      authorization,
      socket,
      onEvent: (channel, event) => events.push([channel, event]),
      onClosed: () => {
        closed += 1;
      },
    });
    const wire = FakeSocket.made.at(-1) as FakeSocket;
    wire.open();
    return { link: await opening, wire };
  }

  it("opens, subscribes, and hands on events with their channel", async () => {
    const { link, wire } = await open();
    expect(wire.protocols).toEqual(subprotocols(authorization));
    expect(wire.sent[0]).toEqual({ type: "connection_init" });
    const subscribing = link.subscribe("/rooms/r1/g1");
    expect(wire.sent[1]).toEqual({ type: "subscribe", id: "1", channel: "/rooms/r1/g1", authorization });
    wire.answer({ type: "subscribe_success", id: "1" });
    await subscribing;
    wire.answer({ type: "data", id: "1", event: '{"kind":"members"}' });
    wire.answer({ type: "data", id: "99", event: '{"kind":"members"}' });
    expect(events).toEqual([["/rooms/r1/g1", { kind: "members" }]]);
  });

  it("tells that a subscription was refused", async () => {
    const { link, wire } = await open();
    const subscribing = link.subscribe("/rooms/r1/g1");
    wire.answer({ type: "subscribe_error", id: "1", errors: [{ errorType: "Unauthorized", message: "no" }] });
    await expect(subscribing).rejects.toThrow(SubscriptionRefused);
    expect(link.channels).toEqual([]);
  });

  it("counts silence for the agreed time as the end, and a keep-alive as life", async () => {
    const { link, wire } = await open();
    vi.advanceTimersByTime(299_000);
    wire.answer({ type: "ka" });
    vi.advanceTimersByTime(299_000);
    expect(link.isOpen).toBe(true);
    vi.advanceTimersByTime(2_000);
    expect(link.isOpen).toBe(false);
    expect(closed).toBe(1);
    expect(wire.closed).toBe(true);
  });

  it("fails when nobody answers the opening, and when a subscription gets no answer", async () => {
    const opening = Link.open({
      url: "wss://x",
      authorization,
      socket,
      onEvent: () => undefined,
      onClosed: () => undefined,
    });
    const failed = expect(opening).rejects.toThrow(LinkClosed);
    vi.advanceTimersByTime(10_001);
    await failed;
    const { link } = await open();
    const subscribing = expect(link.subscribe("/rooms/r1/g1")).rejects.toThrow(LinkClosed);
    vi.advanceTimersByTime(10_001);
    await subscribing;
    expect(closed).toBe(1);
  });

  it("fails when the connection is refused", async () => {
    const opening = Link.open({
      url: "wss://x",
      authorization,
      socket,
      onEvent: () => undefined,
      onClosed: () => undefined,
    });
    const failed = expect(opening).rejects.toThrow(LinkClosed);
    FakeSocket.made.at(-1)?.answer({ type: "connection_error", errors: [{ errorType: "Unauthorized", message: "" }] });
    await failed;
  });
});

describe("live channel", () => {
  const session: SessionInfo = {
    region: TOKYO,
    user: "hanako",
    name: "Hanako",
    realtime: {
      transport: "appsync-events",
      http: "https://h.example/event",
      websocket: "wss://ws.example/event/realtime",
    },
    heartbeat_seconds: 60,
    away_seconds: 150,
  };
  let states: LiveState[];
  let followed: string[];
  let refused: string[];
  let received: [string, LiveEvent][];
  let waits: number[];
  let channel: string | undefined;
  let live: Live;
  let sessionFails = 0;

  beforeEach(() => {
    states = [];
    followed = [];
    refused = [];
    received = [];
    waits = [];
    channel = "/rooms/r1/g1";
    sessionFails = 0;
    live = new Live({
      session: () => {
        if (sessionFails === 0) return Promise.resolve(session);
        sessionFails -= 1;
        return Promise.reject(new Error("no Region answered"));
      },
      channelOf: () => Promise.resolve(channel),
      accessToken: () => Promise.resolve("token"),
      onEvent: (room, event) => received.push([room, event]),
      onState: (state) => states.push(state),
      onFollowed: (room) => followed.push(room),
      onRefused: (room) => refused.push(room),
      open: (options) => Link.open({ ...options, socket }),
      pause: async (milliseconds) => void waits.push(milliseconds),
      random: () => 0.999999,
    });
  });

  afterEach(() => live.stop());

  async function connected(): Promise<FakeSocket> {
    await settle();
    const wire = FakeSocket.made.at(-1) as FakeSocket;
    wire.open();
    await settle();
    return wire;
  }

  async function subscribed(wire: FakeSocket): Promise<void> {
    wire.answer({ type: "subscribe_success", id: wire.asked.at(-1)?.["id"] });
    await settle();
  }

  it("subscribes first and has the gap read afterwards", async () => {
    live.follow("r1");
    live.start();
    const wire = await connected();
    expect(followed).toEqual([]);
    await subscribed(wire);
    expect(followed).toEqual(["r1"]);
    wire.answer({ type: "data", id: "1", event: JSON.stringify({ kind: "message", message: message(TOKYO, 1, 1) }) });
    expect(received).toHaveLength(1);
    expect(states).toEqual(["connecting", "live"]);
  });

  it("comes back after a loss, asks for the session anew, and follows the same rooms", async () => {
    live.follow("r1");
    live.start();
    await subscribed(await connected());
    FakeSocket.made[0]?.lose();
    const wire = await connected();
    expect(FakeSocket.made).toHaveLength(2);
    expect(wire.asked).toHaveLength(1);
    await subscribed(wire);
    expect(followed).toEqual(["r1", "r1"]);
    expect(states).toEqual(["connecting", "live", "waiting", "connecting", "live"]);
  });

  it("waits longer after each failure", async () => {
    sessionFails = 6;
    live.start();
    await settle();
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000]);
    await connected();
    expect(live.state).toBe("live");
  });

  it("follows a room to its new channel when the members have changed", async () => {
    live.follow("r1");
    live.start();
    const wire = await connected();
    await subscribed(wire);
    channel = "/rooms/r1/g2";
    wire.answer({ type: "data", id: "1", event: '{"kind":"members"}' });
    await settle();
    expect(wire.sent.slice(-2)).toMatchObject([
      { type: "unsubscribe", id: "1" },
      { type: "subscribe", channel: "/rooms/r1/g2" },
    ]);
  });

  it("follows when a heartbeat tells of another channel, and only then", async () => {
    live.follow("r1");
    live.start();
    const wire = await connected();
    await subscribed(wire);
    live.compare("r1", "/rooms/r1/g1");
    await settle();
    expect(wire.asked).toHaveLength(1);
    channel = "/rooms/r1/g2";
    live.compare("r1", "/rooms/r1/g2");
    await settle();
    expect(wire.asked).toHaveLength(2);
  });

  it("asks again when it was refused, without losing the connection", async () => {
    live.follow("r1");
    live.start();
    const wire = await connected();
    wire.answer({ type: "subscribe_error", id: "1", errors: [] });
    await settle();
    expect(wire.asked).toHaveLength(2);
    await subscribed(wire);
    expect(followed).toEqual(["r1"]);
    expect(FakeSocket.made).toHaveLength(1);
  });

  it("says when the room is not the user's any more", async () => {
    channel = undefined;
    live.follow("r1");
    live.start();
    await connected();
    expect(refused).toEqual(["r1"]);
  });

  it("ends for good when it is stopped", async () => {
    live.start();
    const wire = await connected();
    live.stop();
    await settle();
    expect(wire.closed).toBe(true);
    expect(FakeSocket.made).toHaveLength(1);
    expect(live.state).toBe("idle");
  });
});
