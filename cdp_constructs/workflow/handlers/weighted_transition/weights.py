"""The share of the users on the replacement: weights of target groups in a rule, or of records.

``TARGET`` is JSON: ``rule``, ``current`` and ``replacement`` (ARNs), or ``zone``, ``name``, ``types``, ``current`` and
``replacement`` (set identifiers). Weights add up to 100, so that a weight is a share in percent.
"""

import functools
import json
import os
from collections.abc import Iterator
from typing import Any

import boto3

EVERYBODY = 100


@functools.cache
def client(service: str) -> Any:
    """Return the client of a service, made once: which ones are needed is what the target is."""
    return boto3.client(service)  # type: ignore[call-overload]  # by its name


def _target() -> dict[str, Any]:
    target: dict[str, Any] = json.loads(os.environ["TARGET"])
    return target


def read() -> int:
    """Return the share of the replacement in percent; of weights that somebody else has set, rounded.

    Raises:
        LookupError: there is no such rule, or a record is missing.
    """
    target = _target()
    found = list(_records(target)) if "zone" in target else [_groups(_rule(target))]
    shares = {_share(weights, target) for weights in found}
    if len(shares) != 1:
        raise LookupError(f"no records, or of different weights: {sorted(shares)}")
    return shares.pop()


def write(share: int) -> None:
    """Give the replacement a share of the users, in percent, and the current system the rest."""
    target = _target()
    wanted = {target["current"]: EVERYBODY - share, target["replacement"]: share}
    if "zone" in target:
        _write_records(target, wanted)
    else:
        _write_rule(target, wanted)


def _share(weights: dict[str, int], target: dict[str, Any]) -> int:
    both = weights[target["current"]], weights[target["replacement"]]
    return round(EVERYBODY * both[1] / (sum(both) or 1))


def _rule(target: dict[str, Any]) -> dict[str, Any]:
    rules = client("elbv2").describe_rules(RuleArns=[target["rule"]])["Rules"]
    rule: dict[str, Any] = rules[0]
    return rule


def _forward(rule: dict[str, Any]) -> dict[str, Any]:
    action: dict[str, Any] = next(one for one in rule["Actions"] if one["Type"] == "forward")
    return action


def _groups(rule: dict[str, Any]) -> dict[str, int]:
    return {one["TargetGroupArn"]: int(one["Weight"]) for one in _forward(rule)["ForwardConfig"]["TargetGroups"]}


def _write_rule(target: dict[str, Any], wanted: dict[str, int]) -> None:
    rule = _rule(target)
    action = _forward(rule)
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in wanted.items()]
    # Stickiness stays as it is.
    changed = {"Type": "forward", "ForwardConfig": {**action["ForwardConfig"], "TargetGroups": groups}}
    client("elbv2").modify_rule(
        RuleArn=target["rule"], Actions=[changed if one is action else one for one in rule["Actions"]]
    )


def _sets(target: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the records of both systems."""
    both = {target["current"], target["replacement"]}
    for kind in target["types"]:
        found = client("route53").list_resource_record_sets(
            HostedZoneId=target["zone"], StartRecordName=target["name"], StartRecordType=kind
        )["ResourceRecordSets"]
        for one in found:
            if (one["Name"], one["Type"]) == (target["name"], kind) and one.get("SetIdentifier") in both:
                yield one


def _records(target: dict[str, Any]) -> Iterator[dict[str, int]]:
    """Yield the weights of each type of record."""
    found = list(_sets(target))
    for kind in target["types"]:
        yield {one["SetIdentifier"]: int(one["Weight"]) for one in found if one["Type"] == kind}


def _write_records(target: dict[str, Any], wanted: dict[str, int]) -> None:
    changes = [
        {"Action": "UPSERT", "ResourceRecordSet": {**one, "Weight": wanted[one["SetIdentifier"]]}}
        for one in _sets(target)
    ]
    # One batch: Route 53 changes all of it or nothing.
    client("route53").change_resource_record_sets(
        HostedZoneId=target["zone"], ChangeBatch={"Comment": "Weights of a transition", "Changes": changes}
    )
