/** The user pool, through Cognito's own JSON API. Nothing else than fetch is needed for it. */

export interface Tokens {
  accessToken: string;
  idToken: string;
  /** The next one; left out by a user pool that does not rotate them. */
  refreshToken?: string;
  /** Seconds. */
  expiresIn: number;
}

/** A second factor is asked for. */
export interface Challenge {
  name: string;
  session: string;
}

export type SignIn = { tokens: Tokens } | { challenge: Challenge };

/** Cognito said no; `code` is its name for the reason, such as `UsernameExistsException`. */
export class CognitoError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Cognito was not reached, or could not answer now. */
export class CognitoUnavailable extends Error {}

/** Too many requests, by everybody (Cognito) or from this address (AWS WAF): later ones are answered again. */
export class CognitoBusy extends CognitoUnavailable {}

const BUSY = ["TooManyRequestsException", "ForbiddenException"];

interface AuthAnswer {
  AuthenticationResult?: { AccessToken: string; IdToken: string; RefreshToken?: string; ExpiresIn: number };
  ChallengeName?: string;
  Session?: string;
}

const PATIENCE = 15_000;

export class Cognito {
  readonly #endpoint: string;
  readonly #clientId: string;

  constructor(endpoint: string, clientId: string) {
    this.#endpoint = endpoint;
    this.#clientId = clientId;
  }

  async signUp(email: string, password: string): Promise<{ confirmed: boolean }> {
    const answer = await this.#call<{ UserConfirmed: boolean }>("SignUp", {
      Username: email,
      Password: password,
      UserAttributes: [{ Name: "email", Value: email }],
    });
    return { confirmed: answer.UserConfirmed };
  }

  async confirm(email: string, code: string): Promise<void> {
    await this.#call("ConfirmSignUp", { Username: email, ConfirmationCode: code });
  }

  async resendCode(email: string): Promise<void> {
    await this.#call("ResendConfirmationCode", { Username: email });
  }

  async signIn(email: string, password: string): Promise<SignIn> {
    return signInOf(
      await this.#call<AuthAnswer>("InitiateAuth", {
        AuthFlow: "USER_PASSWORD_AUTH",
        AuthParameters: { USERNAME: email, PASSWORD: password },
      }),
    );
  }

  /** Answer the question for a code of an authenticator app. */
  async answerChallenge(email: string, challenge: Challenge, code: string): Promise<SignIn> {
    return signInOf(
      await this.#call<AuthAnswer>("RespondToAuthChallenge", {
        ChallengeName: challenge.name,
        Session: challenge.session,
        ChallengeResponses: { USERNAME: email, [`${challenge.name}_CODE`]: code },
      }),
    );
  }

  /** Each refresh token is good for one renewal, and for a minute after it: an answer may be lost. */
  async refresh(refreshToken: string): Promise<Tokens> {
    const answer = await this.#call<AuthAnswer>("GetTokensFromRefreshToken", { RefreshToken: refreshToken });
    const result = signInOf(answer);
    if (!("tokens" in result)) throw new CognitoError("NotAuthorizedException", "the session has ended");
    return result.tokens;
  }

  async forgotPassword(email: string): Promise<void> {
    await this.#call("ForgotPassword", { Username: email });
  }

  async resetPassword(email: string, code: string, password: string): Promise<void> {
    await this.#call("ConfirmForgotPassword", { Username: email, ConfirmationCode: code, Password: password });
  }

  /** End the session on Cognito's side too: the refresh token is worth nothing afterwards. */
  async revoke(refreshToken: string): Promise<void> {
    // It goes out even when the page is closed at once.
    await this.#call("RevokeToken", { Token: refreshToken }, { keepalive: true });
  }

  async #call<Answer>(
    operation: string,
    parameters: Record<string, unknown>,
    options: RequestInit = {},
  ): Promise<Answer> {
    let response: Response;
    try {
      response = await fetch(this.#endpoint, {
        method: "POST",
        headers: {
          "Content-Type": "application/x-amz-json-1.1",
          "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`,
        },
        body: JSON.stringify({ ClientId: this.#clientId, ...parameters }),
        credentials: "omit",
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE),
        ...options,
      });
    } catch {
      throw new CognitoUnavailable(`${operation}: no answer`);
    }
    const answer: unknown = await response.json().catch(() => ({}));
    if (response.ok) return answer as Answer;
    const { __type = "", message = "" } = answer as { __type?: string; message?: string };
    const code = __type.split("#").pop() ?? "";
    if (BUSY.includes(code)) throw new CognitoBusy(message || code);
    if (response.status >= 500) throw new CognitoUnavailable(message || code);
    throw new CognitoError(code, message);
  }
}

function signInOf(answer: AuthAnswer): SignIn {
  const result = answer.AuthenticationResult;
  if (result !== undefined) {
    return {
      tokens: {
        accessToken: result.AccessToken,
        idToken: result.IdToken,
        expiresIn: result.ExpiresIn,
        ...(result.RefreshToken === undefined ? {} : { refreshToken: result.RefreshToken }),
      },
    };
  }
  return { challenge: { name: answer.ChallengeName ?? "", session: answer.Session ?? "" } };
}
