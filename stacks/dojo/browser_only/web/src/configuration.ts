/** What the page must know of the services that it calls: written beside it at deployment. */

export interface Configuration {
  region: string;
  userPoolId: string;
  clientId: string;
  identityPoolId: string;
  messagesTable: string;
  peopleTable: string;
  bucketName: string;
  topicArn: string;
  /** Host and port of an embedded cloud; on AWS there is none. */
  local?: string;
}

export async function readConfiguration(): Promise<Configuration> {
  const answer = await fetch("/config.json", { cache: "no-cache" });
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  return (await answer.json()) as Configuration;
}

/** What every client of the SDK gets. */
export function clientOptions(configuration: Configuration): { region: string; endpoint?: string } {
  const { region, local } = configuration;
  // By address: a signature has the host that the embedded cloud sees.
  return local === undefined ? { region } : { region, endpoint: `http://${local.replace("localhost", "127.0.0.1")}` };
}
