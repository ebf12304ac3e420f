"""Policies that are longer than AWS takes fail their resource: of IAM, AWS IoT, buckets, topics, queues and keys.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: white space does not count;
https://docs.aws.amazon.com/general/latest/gr/iot-core.html: a policy document of AWS IoT.
"""

import json
from collections.abc import Iterator
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import Change, Group
from cdp_constructs.local.kit.refine import after, before
from cdp_constructs.local.kit.types import Attributes, Properties

_iam: Any = ministack.module("services.iam", "_roles")

_MANAGED = 6144
_OF_ROLE = 10240
_TRUST = 4096
"""Characters: 2,048 at first, and at most this, once the quota was raised."""
_OF_IOT = 2048
_OF_RESOURCES = {
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html
    "AWS::S3::BucketPolicy": ("PolicyDocument", "the bucket", 20 * 1024),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "the topic", 30 * 1024),
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "the queue", 8 * 1024),
    # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
    "AWS::KMS::Key": ("KeyPolicy", "the key", 32 * 1024),
}


def _length(document: Any) -> int:
    if isinstance(document, str):
        document = json.loads(document)
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def _check(what: str, length: int, most: int) -> None:
    if length > most:
        raise ValueError(f"Maximum policy size of {most} bytes exceeded for {what}: {length} (LimitExceeded)")


@before("AWS::IAM::ManagedPolicy")
def _managed(properties: Properties) -> None:
    _check("the managed policy", _length(properties.get("PolicyDocument") or {}), _MANAGED)


@before("AWS::IoT::Policy")
def _of_devices(properties: Properties) -> None:
    _check("the policy of AWS IoT", _length(properties.get("PolicyDocument") or {}), _OF_IOT)


@before("AWS::IAM::Role")
def _trust(properties: Properties) -> None:
    _check("the trust policy", _length(properties.get("AssumeRolePolicyDocument") or {}), _TRUST)


@after("AWS::IAM::Role")
def _with_own(name: str, _properties: Properties, _attributes: Attributes) -> None:
    _inline(name)


@after("AWS::IAM::Policy")
def _with_more(_name: str, properties: Properties, _attributes: Attributes) -> None:
    for role in _roles(properties):
        _inline(role)


def _roles(properties: Properties) -> Iterator[str]:
    yield from (str(role) for role in properties.get("Roles") or ())


def _inline(name: str) -> None:
    policies = (_iam._roles.get(name) or {}).get("InlinePolicies") or {}
    _check(f"role {name}", sum(map(_length, policies.values())), _OF_ROLE)


def _checking(resource_type: str) -> Change:
    member, what, most = _OF_RESOURCES[resource_type]

    @before(resource_type)
    def check(properties: Properties) -> None:
        _check(what, _length(properties.get(member) or {}), most)

    return check


_CHECKS = Group([_checking(resource_type) for resource_type in _OF_RESOURCES])
