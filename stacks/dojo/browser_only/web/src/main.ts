/** The page: an account, then a room. */

import "./style.css";
import { Accounts } from "./account.ts";
import { Chat, type Message } from "./chat.ts";
import { readConfiguration } from "./configuration.ts";

const LIVE = 1_000;
const APPEAR = 5_000;

const byId = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;
const problem = byId("problem");
const room = decodeURIComponent(location.hash.slice(1)) || "lobby";

let failed: unknown;

/** Do something, and show why when it fails, until it, or what else a person does, has succeeded. */
async function attempt<Result>(act: () => Promise<Result>, who: unknown = "the person"): Promise<Result | undefined> {
  try {
    const result = await act();
    if (failed === who) problem.textContent = "";
    return result;
  } catch (error) {
    failed = who;
    problem.textContent = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return undefined;
  }
}

/** Messages of a list, each once, in the order of their authors' clocks. */
class Conversation {
  latest = "";
  readonly #list: HTMLElement;
  readonly #chat: Chat;
  readonly #shown = new Map<string, HTMLElement>();

  constructor(list: HTMLElement, chat: Chat) {
    this.#list = list;
    this.#chat = chat;
  }

  get oldest(): string | undefined {
    return (this.#list.firstElementChild as HTMLElement | null)?.dataset["sent"];
  }

  show(message: Message): void {
    const key = `${message.owner}/${message.id}`;
    if (this.#shown.has(key)) return;
    const line = this.#line(message);
    this.#shown.set(key, line);
    const items = [...this.#list.children] as HTMLElement[];
    const before = items.findLast((item) => (item.dataset["sent"] ?? "") <= message.sent);
    if (before === undefined) this.#list.prepend(line);
    else before.after(line);
    if (message.sent > this.latest) this.latest = message.sent;
  }

  #line(message: Message): HTMLElement {
    const line = document.createElement("li");
    line.dataset["sent"] = message.sent;
    // Two people may call themselves the same; the identity is what nobody can choose.
    line.append(part("author", message.name), part("identity", message.owner.slice(-4)), part("text", message.text));
    const { attachment } = message;
    if (attachment !== undefined) {
      this.#picture(line, attachment).catch(() => line.append(part("text", "The picture is not there")));
    }
    return line;
  }

  async #picture(line: HTMLElement, key: string): Promise<void> {
    const image = document.createElement("img");
    image.src = URL.createObjectURL(await this.#chat.download(key));
    image.alt = key.split("/").at(-1) ?? "";
    line.append(image);
  }
}

function part(kind: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
}

async function enter(chat: Chat): Promise<void> {
  byId("account").hidden = true;
  byId("chat").hidden = false;
  byId("room").textContent = room;
  byId<HTMLAnchorElement>("share").href = `/#${encodeURIComponent(room)}`;
  const form = byId<HTMLFormElement>("say");
  const text = form.elements.namedItem("text") as HTMLInputElement;
  const picture = form.elements.namedItem("picture") as HTMLInputElement;
  const conversation = new Conversation(byId("messages"), chat);

  await chat.appear();
  text.value = await chat.draft();
  for (const message of await chat.history(room)) conversation.show(message);
  again(APPEAR, () => chat.appear());
  again(LIVE, async () => {
    for (const message of await chat.since(room, conversation.latest)) conversation.show(message);
  });

  text.addEventListener("change", () => void attempt(() => chat.keepDraft(text.value)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(async () => {
      const file = picture.files?.[0];
      const key = file === undefined ? undefined : await chat.upload(file);
      if (text.value.trim() === "" && key === undefined) return;
      conversation.show(await chat.say(room, text.value, key));
      form.reset();
      await chat.keepDraft("");
    });
  });
  byId("older").addEventListener("click", () => {
    void attempt(async () => {
      for (const message of await chat.history(room, conversation.oldest)) conversation.show(message);
    });
  });
  byId<HTMLFormElement>("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = new FormData(event.currentTarget as HTMLFormElement).get("name");
    void attempt(async () => {
      const found = byId("found");
      found.replaceChildren();
      const shown = new Conversation(found, chat);
      for (const message of await chat.writtenBy(String(name))) shown.show(message);
    });
  });
}

/** Do something again and again, with a pause; what fails is shown, and repeated. */
function again(pause: number, act: () => Promise<void>): void {
  setTimeout(async () => {
    await attempt(act, act);
    again(pause, act);
  }, pause);
}

async function start(): Promise<void> {
  const configuration = await readConfiguration();
  const accounts = new Accounts(configuration);
  const form = byId<HTMLFormElement>("account");
  const code = byId("code");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = new FormData(form, event.submitter);
    const value = (field: string) => String(given.get(field) ?? "");
    void attempt(async () => {
      if (value("does") === "sign-up") {
        await accounts.signUp(value("email"), value("password"));
        code.hidden = false;
        return;
      }
      if (value("code") !== "") await accounts.confirm(value("email"), value("code"));
      const session = await accounts.signIn(value("email"), value("password"));
      await enter(new Chat(configuration, session, value("name")));
    });
  });
  addEventListener("hashchange", () => location.reload());
}

void attempt(start);
