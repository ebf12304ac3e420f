"""CloudFormation: a template with placeholder names is accepted, and what they name exists.

AWS refuses such a template (`cdp_constructs/operations/placeholders.py`). Here its parameter is `accepted` unless the
caller gives another value, the placeholder of a hosted zone is a public zone, and that of a mail identity is verified.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch_each

_PARAMETER = "PlaceholderNames"
_METADATA = "cdp-constructs:placeholders"

_route53: Any = ministack.module("services.route53", "_default_records", "_lock", "_records", "_zones")
_ses: Any = ministack.module("services.ses", "_identities", "_make_identity")


@patch_each(  # the first module defines the function, the others imported it by name
    "ministack.services.cloudformation.engine:_resolve_parameters",
    "ministack.services.cloudformation.changesets:_resolve_parameters",
    "ministack.services.cloudformation.handlers:_resolve_parameters",
)
def _accept(
    original: Callable[..., Any], template: dict[str, Any], provided: list[dict[str, Any]], previous: Any = None
) -> Any:
    placeholders = (template.get("Metadata") or {}).get(_METADATA)
    if placeholders and _PARAMETER in (template.get("Parameters") or {}):
        _make_hosted_zone(placeholders)
        _verify_identities(placeholders)
        if _PARAMETER not in {one.get("Key") for one in provided}:
            provided = [*provided, {"Key": _PARAMETER, "Value": "accepted"}]
    return original(template, provided, previous)


def _make_hosted_zone(placeholders: Mapping[str, str]) -> None:
    for option, zone_id in placeholders.items():
        name = placeholders.get(option.replace("_id", "_name"))
        if not option.endswith(".hosted_zone_id") or not name or zone_id in _route53._zones:
            continue
        domain = f"{name.rstrip('.')}."
        with _route53._lock:
            _route53._zones[zone_id] = {
                "id": zone_id,
                "name": domain,
                "caller_reference": zone_id,
                "comment": "placeholder",
                "private": False,
                "vpcs": [],
            }
            _route53._records[zone_id] = _route53._default_records(domain)


def _verify_identities(placeholders: Mapping[str, str]) -> None:
    for option, identity in placeholders.items():
        if option.endswith(".identity") and identity not in _ses._identities:
            kind = "EmailAddress" if "@" in identity else "Domain"
            _ses._identities[identity] = _ses._make_identity(identity, kind)
