/**
 * The chat, as calls of the AWS SDK. IAM refuses what is not of one's own identity; every other rule of the chat stands
 * in this file, and holds for those who use this page only.
 */

import {
  type AttributeValue,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import type { Session } from "./account.ts";
import { type Configuration, clientOptions } from "./configuration.ts";

export interface Message {
  /** The identity of its author: the only thing in it that is certain. */
  owner: string;
  id: string;
  room: string;
  /** By the clock of its author. */
  sent: string;
  /** What its author claims to be called. */
  name: string;
  text: string;
  attachment?: string;
}

type Item = Record<string, AttributeValue>;

/** Milliseconds that a message may take to be found, and that clocks may differ. */
const OVERLAP = 30_000;
/** Milliseconds that a message may be ahead of this clock: one from next year would stand below all others. */
const AHEAD = 60_000;
/** Milliseconds after which somebody who was seen is away. */
const AWAY = 15_000;
const PAGE = 50;

export class Chat {
  readonly #configuration: Configuration;
  readonly #owner: string;
  readonly #name: string;
  readonly #tables: DynamoDBClient;
  readonly #files: S3Client;
  readonly #notices: SNSClient;

  constructor(configuration: Configuration, session: Session, name: string) {
    const options = { ...clientOptions(configuration), credentials: session.credentials };
    this.#configuration = configuration;
    this.#owner = session.owner;
    this.#name = name;
    // Endpoints of an account have names that the content security policy does not know.
    this.#tables = new DynamoDBClient({ ...options, accountIdEndpointMode: "disabled" });
    this.#files = new S3Client({ ...options, forcePathStyle: configuration.local !== undefined });
    this.#notices = new SNSClient(options);
  }

  /** Say that somebody of this name is there. */
  async appear(): Promise<void> {
    await this.#change("SET #name = :name, #seen = :seen", { name: this.#name, seen: time() });
  }

  /** Keep what is being written for this person's other browsers; nobody else can read it. */
  async keepDraft(draft: string): Promise<void> {
    await this.#change("SET #draft = :draft", { draft });
  }

  async draft(): Promise<string> {
    const Key = { owner: { S: this.#owner } };
    const { peopleTable: TableName } = this.#configuration;
    const found = await this.#tables.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
    return found.Item?.["draft"]?.S ?? "";
  }

  /** Send a message; whoever it mentions and is away gets a notice. */
  async say(room: string, text: string, attachment?: string): Promise<Message> {
    const message: Message = {
      owner: this.#owner,
      id: crypto.randomUUID(),
      room,
      sent: time(),
      name: this.#name,
      text,
      ...(attachment === undefined ? {} : { attachment }),
    };
    const Item = Object.fromEntries(Object.entries(message).map(([field, value]) => [field, { S: value }]));
    // Sent again by the SDK it is the same item.
    await this.#tables.send(new PutItemCommand({ TableName: this.#configuration.messagesTable, Item }));
    for (const [, person] of text.matchAll(/@([\p{L}\p{N}_-]+)/gu)) {
      if (person !== undefined && (await this.#isAway(person))) await this.#notify(person, room);
    }
    return message;
  }

  /** The latest messages of a room before a time, oldest first. */
  async history(room: string, before = time(AHEAD)): Promise<Message[]> {
    const found = await this.#inRoom(room, "", before, { ScanIndexForward: false, Limit: PAGE });
    return found.reverse();
  }

  /** Messages that may be new for somebody whose latest one was sent at a time; some may be known. */
  async since(room: string, latest: string): Promise<Message[]> {
    // Anybody may have written anything: what is no time counts as now.
    const known = Date.parse(latest);
    const from = latest === "" ? 0 : Math.min(Number.isNaN(known) ? Date.now() : known, Date.now()) - OVERLAP;
    return await this.#inRoom(room, new Date(Math.max(from, 0)).toISOString(), time(AHEAD));
  }

  /** All messages of those who call themselves so, newest first. */
  async writtenBy(name: string): Promise<Message[]> {
    const found = (await this.#called(name)).map(async (person) => {
      const owner = person["owner"]?.S ?? "";
      return await this.#query({
        TableName: this.#configuration.messagesTable,
        KeyConditionExpression: "#owner = :owner",
        ExpressionAttributeNames: { "#owner": "owner" },
        ExpressionAttributeValues: { ":owner": { S: owner } },
      });
    });
    const messages = (await Promise.all(found)).flat().map(messageOf);
    return messages.sort((one, other) => other.sent.localeCompare(one.sent));
  }

  /** Upload a picture into this person's folder, and return its key. */
  async upload(file: File): Promise<string> {
    const Key = `files/${this.#owner}/${crypto.randomUUID()}/${file.name}`;
    const Body = new Uint8Array(await file.arrayBuffer());
    const Bucket = this.#configuration.bucketName;
    await this.#files.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: file.type }));
    return Key;
  }

  async download(key: string): Promise<Blob> {
    const { bucketName: Bucket } = this.#configuration;
    const found = await this.#files.send(new GetObjectCommand({ Bucket, Key: key }));
    const bytes = await found.Body?.transformToByteArray();
    return new Blob(bytes === undefined ? [] : [bytes as BlobPart], { type: found.ContentType ?? "" });
  }

  async #isAway(person: string): Promise<boolean> {
    const found = await this.#called(person);
    return found.length > 0 && found.every((one) => (one["seen"]?.S ?? "") < time(-AWAY));
  }

  async #notify(person: string, room: string): Promise<void> {
    const notice = { person, room, author: this.#name, url: `${location.origin}/#${room}` };
    await this.#notices.send(
      new PublishCommand({
        TopicArn: this.#configuration.topicArn,
        Message: JSON.stringify(notice),
        MessageAttributes: { person: { DataType: "String", StringValue: person } },
      }),
    );
  }

  async #change(expression: string, values: Record<string, string>): Promise<void> {
    const fields = Object.entries(values);
    await this.#tables.send(
      new UpdateItemCommand({
        TableName: this.#configuration.peopleTable,
        Key: { owner: { S: this.#owner } },
        UpdateExpression: expression,
        ExpressionAttributeNames: Object.fromEntries(fields.map(([field]) => [`#${field}`, field])),
        ExpressionAttributeValues: Object.fromEntries(fields.map(([field, value]) => [`:${field}`, { S: value }])),
      }),
    );
  }

  async #called(name: string): Promise<Item[]> {
    return await this.#query({
      TableName: this.#configuration.peopleTable,
      IndexName: "by_name",
      KeyConditionExpression: "#name = :name",
      ExpressionAttributeNames: { "#name": "name" },
      ExpressionAttributeValues: { ":name": { S: name } },
    });
  }

  async #inRoom(room: string, from: string, to: string, options: Partial<QueryCommandInput> = {}): Promise<Message[]> {
    const found = await this.#query({
      TableName: this.#configuration.messagesTable,
      IndexName: "by_room",
      KeyConditionExpression: "#room = :room AND #sent BETWEEN :from AND :to",
      ExpressionAttributeNames: { "#room": "room", "#sent": "sent" },
      ExpressionAttributeValues: { ":room": { S: room }, ":from": { S: from || "0" }, ":to": { S: to } },
      ...options,
    });
    return found.map(messageOf);
  }

  /** All that is found, or as much as the limit says. */
  async #query(input: QueryCommandInput): Promise<Item[]> {
    const found: Item[] = [];
    let next: Item | undefined;
    do {
      const answer = await this.#tables.send(
        new QueryCommand({ ...input, ...(next === undefined ? {} : { ExclusiveStartKey: next }) }),
      );
      found.push(...(answer.Items ?? []));
      next = input.Limit === undefined ? answer.LastEvaluatedKey : undefined;
    } while (next !== undefined);
    return found;
  }
}

/** Anybody may have written anything: what is missing or no text is empty. */
function messageOf(item: Item): Message {
  const text = (field: string) => item[field]?.S ?? "";
  const attachment = text("attachment");
  return {
    owner: text("owner"),
    id: text("id"),
    room: text("room"),
    sent: text("sent"),
    name: text("name"),
    text: text("text"),
    ...(attachment === "" ? {} : { attachment }),
  };
}

function time(later = 0): string {
  return new Date(Date.now() + later).toISOString();
}
