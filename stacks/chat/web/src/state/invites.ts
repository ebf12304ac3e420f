/** The invite codes that this device knows: of rooms that were created or joined on it. */

const INVITE = "chat.invite.";

export function inviteCode(room: string): string | undefined {
  return localStorage.getItem(INVITE + room) ?? undefined;
}

export function keepInviteCode(room: string, code: string): void {
  localStorage.setItem(INVITE + room, code);
}

export function forgetInviteCode(room: string): void {
  localStorage.removeItem(INVITE + room);
}
