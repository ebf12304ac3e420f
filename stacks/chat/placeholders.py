"""Names of the chat that nobody has set: what they are, and which of them are left in a configuration."""

from typing import TYPE_CHECKING

from cdp_constructs.operations.placeholders import Placeholder, placeholders_in

if TYPE_CHECKING:
    from stacks.chat.config import ChatConfiguration

DOMAIN = "chat.example.com"
"""Nobody can own it: RFC 2606 keeps example.com for documentation."""
ROUTED_NAMES = {
    "domain_name": f"api.{DOMAIN}",
    "hosted_zone_id": "Z00000PLACEHOLDER",
    "hosted_zone_name": DOMAIN,
}
"""Placeholders of what the latency routing needs, when none of it is given."""

_WITHOUT_ROUTING = "or set chat.latency_routing to false"


def placeholders_of(configuration: "ChatConfiguration") -> tuple[Placeholder, ...]:
    """Return the names that nobody owns and that AWS would refuse, or wait for."""
    notices, codes = configuration.notices, configuration.sign_in_email
    names = {
        "domain_name": (configuration.domain_name, f"Set the API's name in a zone of yours, {_WITHOUT_ROUTING}"),
        "hosted_zone_id": (configuration.hosted_zone_id, f"Set the id of a public hosted zone, {_WITHOUT_ROUTING}"),
        "hosted_zone_name": (configuration.hosted_zone_name, f"Set the name of that zone, {_WITHOUT_ROUTING}"),
        "web_domain_name": (configuration.web_domain_name, "Set the web client's name, or null for CloudFront's"),
        "notices.identity": (
            notices.identity if notices else None,
            "Set chat.notices to an identity that SES has verified and a sender of it, or to null",
        ),
        "sign_in_email.identity": (codes.identity if codes else None, "Set an identity that SES has verified, or null"),
        "alarm_email": (configuration.alarm_email, "Set the address that receives alarms, or null"),
    }
    return placeholders_in("chat", names)
