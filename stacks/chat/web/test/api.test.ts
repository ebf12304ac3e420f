import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SendFailed } from "../src/core/outbox.ts";
import { Regions } from "../src/core/regions.ts";
import { ChatApi } from "../src/net/api.ts";
import { Cognito, CognitoBusy, CognitoError } from "../src/net/cognito.ts";
import { ApiError } from "../src/net/requests.ts";
import { explain } from "../src/state/problems.ts";

const asked: Request[] = [];
let answers: Response[];

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", async (url: string, options: RequestInit) => {
    asked.push(new Request(url, options));
    return answers.shift() ?? new Response("{}");
  });
});
afterEach(() => void vi.unstubAllGlobals());

const problem = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ message: "too many" }), { status, headers });

function api(): ChatApi {
  const regions = new Regions([
    { region: "tokyo", url: "https://tokyo.example" },
    { region: "oregon", url: "https://oregon.example" },
  ]);
  return new ChatApi(regions, { accessToken: async () => "token" });
}

const outgoing = { client_message_id: "1", room: "r1", text: "hello", attachments: [], written_at: 0 };

describe("what one person may do is used up", () => {
  it("is not retried at once, nor in another Region", async () => {
    answers = [problem(429, { "Retry-After": "30" })];
    const error = await api()
      .createRoom("Hanami")
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 429, retryAfter: 30 });
    expect(asked).toHaveLength(1);
    expect(explain(error)).toBe("That was a lot at once. Try again in 30 seconds.");
  });

  it("lets the outbox wait that long", async () => {
    answers = [problem(429, { "Retry-After": "30" })];
    const error = await api()
      .send(outgoing)
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SendFailed);
    expect(error).toMatchObject({ again: true, after: 30 });
  });

  it("is told from an API that is throttled as a whole", async () => {
    answers = [problem(429), problem(200)];
    await api().send(outgoing);
    expect(asked).toHaveLength(2);
  });
});

describe("the id by which a request is followed", () => {
  const ids = (): string[] => asked.map(({ headers }) => headers.get("traceparent") ?? "");

  it("is one for all tries of a request, in every Region", async () => {
    vi.stubGlobal("navigator", { onLine: true });
    answers = [problem(500), problem(500)];
    const error = await api()
      .room("r1")
      .catch((caught: unknown) => caught);
    expect(ids()).toHaveLength(2);
    expect(new Set(ids()).size).toBe(1);
    const [, id] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec(ids()[0] ?? "") ?? [];
    expect(error).toMatchObject({ status: 500, traceId: id });
    expect(explain(error)).toContain(`Report this id: ${id}`);
  });

  it("is another one for the next request", async () => {
    answers = [problem(200), problem(200)];
    const chat = api();
    await chat.room("r1");
    await chat.room("r1");
    expect(new Set(ids()).size).toBe(2);
  });

  it("is the message's own, however often it is sent", async () => {
    answers = [problem(200), problem(200)];
    const message = { ...outgoing, client_message_id: "4BF92F35-77b3-4da6-a3ce-929d0e0e4736" };
    await api().send(message);
    await api().send(message);
    for (const id of ids()) expect(id).toContain("-4bf92f3577b34da6a3ce929d0e0e4736-");
  });

  it("is not shown where a refusal needs no operator", async () => {
    answers = [problem(404)];
    const error = await api()
      .room("r1")
      .catch((caught: unknown) => caught);
    expect(explain(error, "There is no such room.")).toBe("There is no such room.");
  });
});

describe("the creator of a room, and who leaves", () => {
  it("call the routes of the API", async () => {
    answers = [problem(200), new Response(null, { status: 204 }), new Response(null, { status: 204 })];
    await api().changeInviteCode("r1");
    await api().removeMember("r1", "user/1");
    await api().deleteAccount();
    expect(asked.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
      "PUT /rooms/r1/invite",
      "DELETE /rooms/r1/members/user%2F1",
      "DELETE /me",
    ]);
  });
});

describe("Cognito", () => {
  const cognito = new Cognito("https://cognito.example/", "client");
  const refusal = (code: string): Response => new Response(JSON.stringify({ __type: code }), { status: 400 });

  it("renews a session, and hands out the next refresh token", async () => {
    const result = { AccessToken: "a", IdToken: "i", RefreshToken: "next", ExpiresIn: 60 };
    answers = [new Response(JSON.stringify({ AuthenticationResult: result }))];
    expect(await cognito.refresh("old")).toMatchObject({ accessToken: "a", refreshToken: "next" });
    expect(asked[0]?.headers.get("X-Amz-Target")).toBe("AWSCognitoIdentityProviderService.GetTokensFromRefreshToken");
    expect(await asked[0]?.json()).toEqual({ ClientId: "client", RefreshToken: "old" });
  });

  it("does not end a session because this address asks too often", async () => {
    answers = [refusal("ForbiddenException"), refusal("RefreshTokenReuseException")];
    const busy = await cognito.refresh("old").catch((caught: unknown) => caught);
    expect(busy).toBeInstanceOf(CognitoBusy);
    expect(busy).not.toBeInstanceOf(CognitoError);
    await expect(cognito.refresh("old")).rejects.toThrow(CognitoError);
  });
});
