"""Answers {"room": …, "user": …}: the user is in the room now, and who else is. With "leave" the user goes."""

from typing import Any

from state_sharing import SharedState, connect

# Clients call every 60 s, so one call may be lost.
presence = SharedState(connect(), group="ROOM", kind="PRESENCE", lifetime=150)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Keep the user's presence, and list the room."""
    room, user = event["room"], event["user"]
    if event.get("leave"):
        presence.leave(room, user)
    else:
        presence.heartbeat(room, user)
    # Consistent, so that who has just called is in it.
    return {"online": [entry.member for entry in presence.members(room, consistent=True)]}
