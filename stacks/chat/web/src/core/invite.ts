/** Invite links: `https://chat.example.com/rooms/<room>#invite=<code>`. The code is behind the #, which no server and no log sees. */

export interface Invite {
  room: string;
  code: string;
}

const ROOM = /^\/rooms\/([A-Za-z0-9-]{1,64})(?:\/messages\/([A-Za-z0-9-]{1,64}))?\/?$/;

export function roomOf(path: string): string | undefined {
  return ROOM.exec(path)?.[1];
}

/** The message that a link leads to. */
export function messageOf(path: string): string | undefined {
  return ROOM.exec(path)?.[2];
}

export function messageLink(origin: string, room: string, message: string): string {
  return `${origin}/rooms/${room}/messages/${message}`;
}

export function inviteCodeOf(hash: string): string | undefined {
  return /^#invite=([^&]{1,64})$/.exec(hash)?.[1];
}

export function inviteLink(origin: string, { room, code }: Invite): string {
  return `${origin}/rooms/${room}#invite=${code}`;
}

export function parseInvite(text: string): Invite | undefined {
  let url: URL;
  try {
    url = new URL(text.trim(), "https://chat.invalid");
  } catch {
    return undefined;
  }
  const room = roomOf(url.pathname);
  const code = inviteCodeOf(url.hash);
  return room === undefined || code === undefined ? undefined : { room, code };
}
