/** Accounts: a user pool says who somebody is, an identity pool gives an identity and credentials of AWS for it. */

import {
  CognitoIdentityProviderClient,
  ConfirmSignUpCommand,
  InitiateAuthCommand,
  SignUpCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { fromCognitoIdentityPool } from "@aws-sdk/credential-provider-cognito-identity";
import { type Configuration, clientOptions } from "./configuration.ts";

/** Somebody who is signed in. */
export interface Session {
  /** The identity, the same for good: the partition key and the folder that are this person's own. */
  owner: string;
  credentials: ReturnType<typeof fromCognitoIdentityPool>;
}

export class Accounts {
  readonly #configuration: Configuration;
  readonly #users: CognitoIdentityProviderClient;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
    this.#users = new CognitoIdentityProviderClient(clientOptions(configuration));
  }

  async signUp(email: string, password: string): Promise<void> {
    const ClientId = this.#configuration.clientId;
    await this.#users.send(new SignUpCommand({ ClientId, Username: email, Password: password }));
  }

  /** Answer with the code that came by mail. */
  async confirm(email: string, code: string): Promise<void> {
    const ClientId = this.#configuration.clientId;
    await this.#users.send(new ConfirmSignUpCommand({ ClientId, Username: email, ConfirmationCode: code }));
  }

  async signIn(email: string, password: string): Promise<Session> {
    const { clientId, identityPoolId, region, userPoolId } = this.#configuration;
    const answer = await this.#users.send(
      new InitiateAuthCommand({
        ClientId: clientId,
        AuthFlow: "USER_PASSWORD_AUTH",
        AuthParameters: { USERNAME: email, PASSWORD: password },
      }),
    );
    const token = answer.AuthenticationResult?.IdToken;
    if (token === undefined) throw new Error("A second factor is asked for, which this page does not have");
    const credentials = fromCognitoIdentityPool({
      identityPoolId,
      logins: { [`cognito-idp.${region}.amazonaws.com/${userPoolId}`]: token },
      clientConfig: clientOptions(this.#configuration),
    });
    return { owner: (await credentials()).identityId, credentials };
  }
}
