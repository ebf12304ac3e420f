"""What a signed-in customer chooses: a choice, a device, a browser, or a topic that was seen, each if there."""

from dataclasses import asdict
from typing import Any

from notices import Notices

notices = Notices.from_environment()


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Keep what the customer says, and answer with all choices; a wrong value is answered with what is allowed."""
    user = event["user"]
    try:
        if "choice" in event:
            notices.choose(user, **event["choice"])
        if "device" in event:
            notices.add_device(user, **event["device"])
        if "browser" in event:
            notices.add_subscription(user, **event["browser"])
    except ValueError as error:
        return {"error": str(error)}
    if "seen" in event:
        notices.seen(user, event["seen"])
    return asdict(notices.preferences(user))
