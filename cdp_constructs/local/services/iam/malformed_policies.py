"""IAM: policies of roles, users and groups that AWS refuses as malformed; those of resources: `resource_policies`.

MiniStack's grammar of identity policies knows neither principals nor unknown elements; it has none of the others, so
that a misspelt `Statment` allows nothing, and nobody says why.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch, patch_each
from cdp_constructs.local.kit.validation import InvalidValueError, validate
from cdp_constructs.local.services.iam.documents import Kind, problem_of, wrong_resource

_EMPTY = (None, "")
"""No policy, or one that is taken away."""


@patch_each("ministack.core.iam_evaluator:validate_policy_document", "ministack.services.sts:validate_policy_document")
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
        _refuse(policy.get("PolicyDocument"))


@validate(types=("AWS::IAM::ManagedPolicy",))
def _managed(values: Mapping[str, Any]) -> None:
    _refuse(values.get("PolicyDocument"))


def _refuse(document: Any) -> None:
    if document not in _EMPTY and (problem := problem_of(document, Kind.IDENTITY)):
        raise InvalidValueError("MalformedPolicyDocument", problem)
