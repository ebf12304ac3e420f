"""Whether a hosted zone can hold the records of a name."""

from aws_cdk import Token
from constructs import Construct

from cdp_constructs.core.cdk import route53
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["check_name_in_zone", "is_in_zone"]


def check_name_in_zone(construct: "Construct | str", option: str, name: str, zone: "route53.IHostedZone") -> None:
    """Refuse a name that no record of a hosted zone can have; what is a token passes.

    Args:
        construct: The pattern, or its path.
        option: The option with the name.
        name: The name.
        zone: The hosted zone.

    Raises:
        InvalidOptionError: naming the zone.
    """
    if is_in_zone(name, zone):
        return
    zone_name = zone.zone_name
    fix = f"Use {zone_name} or a name that ends with .{zone_name}, in lower case and without a dot at the end"
    raise InvalidOptionError(construct, option, f"is {name!r}, which is not in the zone {zone_name!r}", fix)


def is_in_zone(name: str, zone: "route53.IHostedZone") -> bool:
    """Tell whether a hosted zone can hold the records of a name; what is a token may be in any."""
    zone_name = zone.zone_name
    if Token.is_unresolved(name) or Token.is_unresolved(zone_name):
        return True
    return name == zone_name or name.endswith(f".{zone_name}")
