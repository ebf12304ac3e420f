"""What a device may do: one text of each policy for all devices, written with variables of the device's thing."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cdp_constructs.iot.topics import EVERYONE

THING = "${iot:Connection.Thing.ThingName}"
CONTEXT = "${iot:Connection.Thing.Attributes[context]}"
# AWS IoT refuses longer policies; white space does not count. https://docs.aws.amazon.com/general/latest/gr/iot-core.html
LONGEST_POLICY = 2048

_TO_DEVICE = ("iot:Subscribe", "topicfilter"), ("iot:Receive", "topic")
_ATTACHED = {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}


def talking(prefix: str, app: str) -> dict[str, Any]:
    """Let a device connect as itself, publish telemetry, receive commands and respond to them.

    Args:
        prefix: ``arn:…:iot:<region>:<account>``.
        app: The application of its topics.
    """
    commands = [f"cmd/{app}/{CONTEXT}/{THING}/req", f"cmd/{app}/{CONTEXT}/{EVERYONE}/req"]
    commands.append(f"cmd/{app}/{EVERYONE}/{EVERYONE}/req")
    return _document(
        _allow("iot:Connect", [f"{prefix}:client/{THING}"], _ATTACHED),
        _allow(
            "iot:Publish", _arns(prefix, "topic", [f"dt/{app}/{CONTEXT}/{THING}/*", f"cmd/{app}/{CONTEXT}/{THING}/res"])
        ),
        *(_allow(action, _arns(prefix, kind, commands)) for action, kind in _TO_DEVICE),
    )


def serving(prefix: str, template: str) -> dict[str, Any]:
    """Let a device use its own shadows and jobs, and fetch a new certificate for itself.

    Args:
        prefix: ``arn:…:iot:<region>:<account>``.
        template: Name of the provisioning template, whose hook decides who gets a certificate.
    """
    own = [f"$aws/things/{THING}/shadow/*", f"$aws/things/{THING}/jobs/*"]
    renewal = ["$aws/certificates/create-from-csr/json", f"$aws/provisioning-templates/{template}/provision/json"]
    answers = [*own, *(f"{topic}/*" for topic in renewal)]
    return _document(
        _allow("iot:Publish", _arns(prefix, "topic", [*own, *renewal])),
        *(_allow(action, _arns(prefix, kind, answers)) for action, kind in _TO_DEVICE),
    )


def ingesting(prefix: str, app: str, rules: Mapping[str, str]) -> dict[str, Any]:
    """Let a device publish its own topics straight to rules (Basic Ingest).

    Args:
        prefix: ``arn:…:iot:<region>:<account>``.
        app: The application of its topics.
        rules: Name of the rule by type of message; the type ``*`` is every other one.
    """
    topics = [f"$aws/rules/{rule}/dt/{app}/{CONTEXT}/{THING}/{kind}" for kind, rule in rules.items()]
    return _document(_allow("iot:Publish", _arns(prefix, "topic", topics)))


def claiming(prefix: str, template: str) -> dict[str, Any]:
    """Let the holder of a claim certificate ask for a certificate, and nothing else.

    The client id begins with ``claim-``: a stolen claim certificate cannot take over the connection of a device.

    Args:
        prefix: ``arn:…:iot:<region>:<account>``.
        template: Name of the provisioning template.
    """
    requests = ["$aws/certificates/create-from-csr/json", f"$aws/provisioning-templates/{template}/provision/json"]
    answers = [f"{topic}/*" for topic in requests]
    return _document(
        _allow("iot:Connect", [f"{prefix}:client/claim-*"]),
        _allow("iot:Publish", _arns(prefix, "topic", requests)),
        *(_allow(action, _arns(prefix, kind, answers)) for action, kind in _TO_DEVICE),
    )


def length(document: Mapping[str, Any]) -> int:
    """Return the length of a policy as AWS IoT counts it."""
    return len("".join(json.dumps(document).split()))


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(action: str, resources: list[str], condition: dict[str, Any] | None = None) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resources}
    return statement if condition is None else {**statement, "Condition": condition}


def _arns(prefix: str, kind: str, topics: Iterable[str]) -> list[str]:
    return [f"{prefix}:{kind}/{topic}" for topic in topics]
