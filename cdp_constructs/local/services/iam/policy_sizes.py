"""IAM: policies that are longer than AWS takes are refused; those of resources: `resource_policies`.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: white space does not count.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties
from cdp_constructs.local.kit.validation import InvalidValueError, validate
from cdp_constructs.local.services.iam.documents import size_of

_iam: Any = ministack.module("services.iam", "_group_inline_policies", "_roles", "_user_inline_policies")

_CONFLICT = 409
_MANAGED = 6144
_TRUST = 4096
"""Characters: 2,048 at first, and at most this, once the quota was raised."""
_INLINE = {"role": 10240, "user": 2048, "group": 5120}
"""All inline policies of one together."""


def _check(what: str, length: int, most: int) -> None:
    if length > most:
        message = f"Maximum policy size of {most} bytes exceeded for {what}: {length}"
        raise InvalidValueError("LimitExceeded", message, _CONFLICT)


@validate(types=("AWS::IAM::ManagedPolicy",), requests={"iam": ("CreatePolicy", "CreatePolicyVersion")})
def _managed(values: Mapping[str, Any]) -> None:
    _check("the managed policy", size_of(values.get("PolicyDocument") or {}), _MANAGED)


@validate(types=("AWS::IAM::Role",), requests={"iam": ("CreateRole", "UpdateAssumeRolePolicy")})
def _trust(values: Mapping[str, Any]) -> None:
    document = values.get("AssumeRolePolicyDocument", values.get("PolicyDocument"))
    _check("the trust policy", size_of(document or {}), _TRUST)


@validate(requests={"iam": ("PutRolePolicy",)})
def _of_role(values: Mapping[str, Any]) -> None:
    _with_another("role", values)


@validate(requests={"iam": ("PutUserPolicy",)})
def _of_user(values: Mapping[str, Any]) -> None:
    _with_another("user", values)


@validate(requests={"iam": ("PutGroupPolicy",)})
def _of_group(values: Mapping[str, Any]) -> None:
    _with_another("group", values)


def _with_another(kind: str, values: Mapping[str, Any]) -> None:
    name = values[f"{kind.title()}Name"]
    policies = {**_policies(kind, name), values["PolicyName"]: values["PolicyDocument"]}
    _check(f"{kind} {name}", sum(map(size_of, policies.values())), _INLINE[kind])


def _policies(kind: str, name: str) -> Mapping[str, Any]:
    if kind == "role":
        of_role: Mapping[str, Any] = (_iam._roles.get(name) or {}).get("InlinePolicies") or {}
        return of_role
    of_all = _iam._user_inline_policies if kind == "user" else _iam._group_inline_policies
    found: Mapping[str, Any] = of_all.get(name) or {}
    return found


@after("AWS::IAM::Role")
def _with_own(name: str, _properties: Properties, _attributes: Attributes) -> None:
    _inline("role", name)


@after("AWS::IAM::User")
def _user_with_own(name: str, _properties: Properties, _attributes: Attributes) -> None:
    _inline("user", name)


@after("AWS::IAM::Policy")
def _with_more(_name: str, properties: Properties, _attributes: Attributes) -> None:
    for kind, name in _owners(properties):
        _inline(kind, name)


def _owners(properties: Properties) -> Iterator[tuple[str, str]]:
    for kind in _INLINE:
        yield from ((kind, str(name)) for name in properties.get(f"{kind.title()}s") or ())


def _inline(kind: str, name: str) -> None:
    _check(f"{kind} {name}", sum(map(size_of, _policies(kind, name).values())), _INLINE[kind])
