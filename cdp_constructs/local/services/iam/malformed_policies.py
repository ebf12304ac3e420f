"""Policies of roles, users, queues, topics, buckets, keys, secrets and devices that AWS refuses as malformed.

MiniStack's grammar of identity policies knows neither principals nor unknown elements; it has none of the others, so
that a misspelt `Statment` allows nothing, and nobody says why.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.validation import BODY, InvalidValueError, validate
from cdp_constructs.local.services.iam.documents import Kind, problem_of, wrong_resource

_EMPTY = (None, "")
"""No policy, or one that is taken away."""


@patch("ministack.core.iam_evaluator:validate_policy_document")
def _of_identity(original: Callable[[Any], str | None], document: Any) -> str | None:
    return problem_of(document, Kind.IDENTITY) or original(document)


@patch("ministack.services.iam:_trust_policy_not_principal_error")
def _of_role(original: Callable[[Any], str | None], document: Any) -> str | None:
    """Return what is wrong; requests answer `MalformedPolicyDocument`, templates fail."""
    return original(document) or problem_of(document, Kind.TRUST)


@validate(requests={"iam": ("CreatePolicy", "CreatePolicyVersion", "PutGroupPolicy", "PutRolePolicy", "PutUserPolicy")})
def _resources(values: Mapping[str, Any]) -> None:
    if resource := wrong_resource(values["PolicyDocument"]):
        raise InvalidValueError("MalformedPolicyDocument", f'Resource {resource} must be in ARN format or "*".')


@validate(types=("AWS::IAM::Role",))
def _inline(values: Mapping[str, Any]) -> None:
    for policy in values.get("Policies") or ():
        _refuse(policy.get("PolicyDocument"), Kind.IDENTITY, "MalformedPolicyDocument")


@validate(types=("AWS::IAM::ManagedPolicy",))
def _managed(values: Mapping[str, Any]) -> None:
    _refuse(values.get("PolicyDocument"), Kind.IDENTITY, "MalformedPolicyDocument")


def _refuse(document: Any, kind: Kind, code: str, begin: str = "") -> None:
    if document not in _EMPTY and (problem := problem_of(document, kind)):
        raise InvalidValueError(code, f"{begin}{problem}")


@validate(types=("AWS::SQS::QueuePolicy",), requests={"sqs": ("CreateQueue", "SetQueueAttributes")})
def _queues(values: Mapping[str, Any]) -> None:
    # `Attribute.1.Name` is how the Query protocol of SQS writes an attribute.
    pairs = {entry["Name"]: entry["Value"] for entry in (values.get("Attribute") or {}).values()}
    document = values.get("PolicyDocument", (values.get("Attributes") or pairs).get("Policy"))
    _refuse(document, Kind.RESOURCE, "InvalidAttributeValue", "Invalid value for the parameter Policy. ")


@validate(types=("AWS::SNS::TopicPolicy",), requests={"sns": ("CreateTopic", "SetTopicAttributes")})
def _topics(values: Mapping[str, Any]) -> None:
    changed = values.get("AttributeValue") if values.get("AttributeName") == "Policy" else None
    document = values.get("PolicyDocument", (values.get("Attributes") or {}).get("Policy", changed))
    _refuse(document, Kind.RESOURCE, "InvalidParameter", "Invalid parameter: Policy Error: ")


@validate(types=("AWS::S3::BucketPolicy",), requests={"s3": ("PutBucketPolicy",)})
def _buckets(values: Mapping[str, Any]) -> None:
    _refuse(values.get("PolicyDocument", values.get(BODY)), Kind.RESOURCE, "MalformedPolicy")


@validate(types=("AWS::KMS::Key",), requests={"kms": ("CreateKey", "PutKeyPolicy")})
def _keys(values: Mapping[str, Any]) -> None:
    _refuse(values.get("KeyPolicy", values.get("Policy")), Kind.RESOURCE, "MalformedPolicyDocumentException")


@validate(requests={"secretsmanager": ("PutResourcePolicy",)})
def _secrets(values: Mapping[str, Any]) -> None:
    begin = "This resource policy contains a syntax error. "
    _refuse(values.get("ResourcePolicy"), Kind.RESOURCE, "MalformedPolicyDocumentException", begin)


@validate(types=("AWS::IoT::Policy",), requests={"iot": ("CreatePolicy", "CreatePolicyVersion")})
def _devices(values: Mapping[str, Any]) -> None:
    document = values.get("PolicyDocument", values.get("policyDocument"))
    _refuse(document, Kind.IDENTITY, "MalformedPolicyException", "Policy document is Malformed: ")
