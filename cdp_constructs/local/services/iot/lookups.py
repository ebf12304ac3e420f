"""IoT Core: functions of rules that ask other services, with the permissions of the role that they name.

They wait for an answer of this server, and so are not called on the event loop.
"""

import base64
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.sdk import client
from cdp_constructs.local.services.iot.rule_roles import ActionFailedError, check_function, check_role
from cdp_constructs.local.services.iot.sql import UNDEFINED, EvaluationError
from cdp_constructs.local.services.iot.sql.values import as_text, from_decimal
from cdp_constructs.local.services.lambda_.invocation import FunctionNotFoundError, invoke

__all__ = ["asking"]

_iot: Any = ministack.module("services.iot", "get_thing_shadow")
_responses: Any = ministack.module("core.responses")

_FOUND = 200


@dataclass(frozen=True)
class _Rule:
    name: str
    account: str
    region: str

    def check(self, role: str, permission: str, resource: str) -> None:
        check_role(role, permission, resource, self.region, self.account)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


def _number(text: str) -> Any:
    return from_decimal(Decimal(text))


def _binary(value: bytes) -> str:
    return base64.b64encode(value).decode()


_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "N": _number,
    "NS": lambda numbers: [_number(number) for number in numbers],
    "B": _binary,
    "BS": lambda values: [_binary(value) for value in values],
    "NULL": lambda _: None,
    "L": lambda items: [_from_attribute(item) for item in items],
    "M": lambda item: {name: _from_attribute(value) for name, value in item.items()},
}
"""What becomes of attributes of DynamoDB by their type; others are the same in JSON."""


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    (kind, value), *_ = attribute.items()
    return _VALUES[kind](value) if kind in _VALUES else value


def _key(name: str, value: Any) -> dict[str, Any]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {name: {"N" if number else "S": as_text(value) or ""}}


def _get_dynamodb(rule: _Rule, table: str, *rest: Any) -> Any:
    *keys, role = rest
    rule.check(role, "dynamodb:GetItem", rule.arn("dynamodb", f"table/{table}"))
    key = {name: value for at in range(0, len(keys), 2) for name, value in _key(keys[at], keys[at + 1]).items()}
    item = client("dynamodb").get_item(TableName=table, Key=key).get("Item")
    return UNDEFINED if item is None else _from_attribute({"M": item})


def _get_secret(rule: _Rule, secret: str, kind: str, *rest: str) -> Any:
    *key, role = rest
    secrets = client("secretsmanager")
    arn = secrets.describe_secret(SecretId=secret)["ARN"]
    for permission in ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"):
        rule.check(role, permission, arn)
    value = secrets.get_secret_value(SecretId=arn).get(kind)
    if kind not in {"SecretString", "SecretBinary"} or value is None:
        raise EvaluationError(f"get_secret: the secret {secret} has no {kind}", "get_secret")
    if isinstance(value, bytes):
        if key:
            raise EvaluationError(f"get_secret: the key {key[0]} of a binary secret", "get_secret")
        return base64.b64encode(value).decode()
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document.get(key[0], UNDEFINED) if key else document
    if key:
        raise EvaluationError(
            f"get_secret: the secret {secret} is no JSON object and has no key {key[0]}", "get_secret"
        )
    return value


def _get_thing_shadow(rule: _Rule, thing: str, *rest: str) -> Any:
    *name, role = rest
    rule.check(role, "iot:GetThingShadow", rule.arn("iot", f"thing/{thing}"))
    status, document = _iot.get_thing_shadow(thing, name[0] if name else "")
    if status != _FOUND:
        raise EvaluationError(f"get_thing_shadow: {document.get('message')}", "get_thing_shadow")
    return document


def _get_registry_data(rule: _Rule, operation: str, thing: str, role: str) -> Any:
    methods = {"DescribeThing": "describe_thing", "ListThingGroupsForThing": "list_thing_groups_for_thing"}
    if operation not in methods:
        return UNDEFINED
    rule.check(role, f"iot:{operation}", rule.arn("iot", f"thing/{thing}"))
    answer = getattr(client("iot"), methods[operation])(thingName=thing)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _aws_lambda(rule: _Rule, arn: str, event: Any) -> Any:
    check_function(arn, rule.name, rule.region, rule.account)
    result = invoke(arn, event)
    body = result.get("body")
    if result.get("error") or result.get("throttle"):
        raise EvaluationError(f"aws_lambda: {arn} failed: {as_text(body) or body}", "aws_lambda")
    try:
        return json.loads(body) if isinstance(body, str | bytes) else body
    except ValueError:
        raise EvaluationError(f"aws_lambda: {arn} did not return JSON", "aws_lambda") from None


_LOOKUPS: Mapping[str, tuple[Callable[..., Any], frozenset[int], frozenset[int]]] = {
    "aws_lambda": (_aws_lambda, frozenset({2}), frozenset({1})),
    "get_dynamodb": (_get_dynamodb, frozenset({4, 6}), frozenset({2, 4})),
    "get_registry_data": (_get_registry_data, frozenset({3}), frozenset()),
    "get_secret": (_get_secret, frozenset({3, 4}), frozenset()),
    "get_thing_shadow": (_get_thing_shadow, frozenset({2, 3}), frozenset()),
}
"""By name: the function, how many arguments it takes, and which of them may be of any type; the others are strings."""


def _ask(rule: _Rule, name: str, *arguments: Any) -> Any:
    call, counts, free = _LOOKUPS[name]
    texts = [value for at, value in enumerate(arguments) if at not in free]
    if len(arguments) not in counts or UNDEFINED in arguments or not all(isinstance(text, str) for text in texts):
        return UNDEFINED
    try:
        with _responses.request_scope(rule.account, rule.region):
            return call(rule, *arguments)
    except (ActionFailedError, ClientError, FunctionNotFoundError) as error:
        raise EvaluationError(f"{name}: {error}", name) from error


def asking(rule: str, account: str, region: str) -> Callable[..., Any]:
    """Return what calls these functions for a rule, by their names."""
    return functools.partial(_ask, _Rule(rule, account, region))
