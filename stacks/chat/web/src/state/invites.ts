/** The invite codes of rooms that were created or joined on this device. */

const INVITE = "chat.invite.";

export function inviteCode(room: string): string | undefined {
  return localStorage.getItem(INVITE + room) ?? undefined;
}

export function storeInviteCode(room: string, code: string): void {
  localStorage.setItem(INVITE + room, code);
}

export function forgetInviteCode(room: string): void {
  localStorage.removeItem(INVITE + room);
}
