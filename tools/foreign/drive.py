"""Tries the listed entries of a deployed assembly, and says which answer as expected."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cdp_constructs.local import Deployment, LocalCloud
from tools.foreign.arrivals import arrived, watch
from tools.foreign.listed import Entry
from tools.foreign.places import Place, find
from tools.foreign.sending import Answer, send

__all__ = ["KINDS", "drive"]

KINDS = {
    "AWS::ApiGateway::RestApi": "HTTP",
    "AWS::ApiGatewayV2::Api": "HTTP",
    "AWS::CloudFront::Distribution": "HTTP",
    "AWS::ElastiCache::ServerlessCache": "cache",
    "AWS::ElasticLoadBalancingV2::Listener": "HTTP",
    "AWS::Lambda::Function": "function",
    "AWS::RDS::DBCluster": "database",
    "AWS::RDS::DBInstance": "database",
    "AWS::SNS::Topic": "topic",
    "AWS::SQS::Queue": "queue",
}
"""Kinds of entries by the type of the resource; the others are events, records, objects and items."""

_SECONDS = 30
_SHOWN = 300


def _compact(text: str) -> str:
    """A JSON text without the white space that means nothing; any other text as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return text


def _unexpected(entry: Entry, answer: Answer) -> str | None:
    if entry.status is not None and answer.status != entry.status:
        return f"status {answer.status} instead of {entry.status}: {answer.text[:_SHOWN]}"
    if entry.answer is None:
        return None
    said = _compact(answer.text)
    as_expected = entry.answer in said if answer.status else _compact(entry.answer) == said
    return None if as_expected else f"answered {answer.text[:_SHOWN]!r} instead of {entry.answer!r}"


def _try(cloud: LocalCloud, deployment: Deployment, entry: Entry, place: Place) -> str | None:
    watches = {name: watch(find(cloud, deployment, name)) for name in entry.arrives}
    reason = _unexpected(entry, send(place, entry))
    for name, look in watches.items():
        if reason is None and (seen := arrived(look, entry.arrives[name], _SECONDS)) is not None:
            reason = f"{entry.arrives[name]!r} did not arrive at {name}, where there is {seen[-_SHOWN:]!r}"
    return reason


def drive(cloud: LocalCloud, deployment: Deployment, entries: Sequence[Entry]) -> list[Mapping[str, Any]]:
    """Try entries one after the other, and return `to`, `kind` and `reason` of each; no reason when it answered."""
    results: list[Mapping[str, Any]] = []
    for entry in entries:
        place = find(cloud, deployment, entry.to)
        try:
            reason = _try(cloud, deployment, entry, place)
        except Exception as error:  # noqa: BLE001  # what is looked for, too
            reason = f"{type(error).__name__}: {error}"
        results.append({"to": entry.to, "kind": KINDS.get(place.resource_type, "event"), "reason": reason})
    return results
