/** /config.json, which the deployment writes beside the page: where the APIs are and who signs users in. */

export interface Api {
  region: string;
  url: string;
}

export interface Configuration {
  /** In order of preference. */
  apis: Api[];
  /** Where to post forms of a bucket whose own address this page may not call. */
  uploads: { bucket: string; url: string }[];
  userPool: { region: string; clientId: string; endpoint: string };
  /** False where the chat does not tell who types. */
  typing: boolean;
  /** Only on a developer's machine: `https://<host>` is reached as `http://<host>.<local>`, because there is no DNS. */
  local?: string;
}

export class ConfigurationError extends Error {}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new ConfigurationError(`config.json: ${name} is missing`);
  return value as Record<string, unknown>;
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") throw new ConfigurationError(`config.json: ${name} is missing`);
  return value;
}

export function parseConfiguration(value: unknown): Configuration {
  const root = record(value, "everything");
  const apis = Array.isArray(root["apis"]) ? root["apis"] : [];
  if (apis.length === 0) throw new ConfigurationError("config.json: apis is missing");
  const pool = record(root["userPool"], "userPool");
  return {
    apis: apis.map((one, index) => {
      const api = record(one, `apis[${index}]`);
      return {
        region: text(api["region"], `apis[${index}].region`),
        url: text(api["url"], `apis[${index}].url`).replace(/\/+$/, ""),
      };
    }),
    uploads: (Array.isArray(root["uploads"]) ? root["uploads"] : []).map((one, index) => {
      const upload = record(one, `uploads[${index}]`);
      return {
        bucket: text(upload["bucket"], `uploads[${index}].bucket`),
        url: text(upload["url"], `uploads[${index}].url`),
      };
    }),
    userPool: {
      region: text(pool["region"], "userPool.region"),
      clientId: text(pool["clientId"], "userPool.clientId"),
      endpoint: text(pool["endpoint"], "userPool.endpoint"),
    },
    typing: root["typing"] !== false,
    ...(typeof root["local"] === "string" ? { local: root["local"] } : {}),
  };
}

/** The same APIs, those of a Region first. */
export function preferring(apis: readonly Api[], region: string | null): Api[] {
  return [...apis.filter((api) => api.region === region), ...apis.filter((api) => api.region !== region)];
}

/** Where to reach an address of AWS from here: itself, except on a developer's machine. */
export function reachable(url: string, local: string | undefined): string {
  if (local === undefined) return url;
  const match = /^(https|wss):\/\/([^/?#]+)(.*)$/.exec(url);
  if (match === null) return url;
  const [, scheme, host = "", rest = ""] = match;
  const plain = scheme === "wss" ? "ws" : "http";
  return `${plain}://${host.endsWith(local) ? host : `${host}.${local}`}${rest}`;
}

/** Where to post a form: to the bucket itself, or to what stands for it on the page's own host. */
export function uploadAddress(url: string, { local, uploads }: Pick<Configuration, "local" | "uploads">): string {
  const { hostname, pathname } = new URL(url);
  // S3 names a bucket in the host, or else first in the path.
  const isIn = (bucket: string): boolean => hostname.startsWith(`${bucket}.`) || pathname.split("/")[1] === bucket;
  return uploads.find(({ bucket }) => isIn(bucket))?.url ?? reachable(url, local);
}
