import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SendFailed } from "../src/core/outbox.ts";
import { Regions } from "../src/core/regions.ts";
import { ApiError, ChatApi } from "../src/net/api.ts";
import { Cognito, CognitoBusy, CognitoError } from "../src/net/cognito.ts";
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
