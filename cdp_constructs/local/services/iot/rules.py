"""IoT Core: the rules engine. The SQL of a rule is read once, and refused at creation where AWS IoT refuses it.

A message that cannot be evaluated costs only itself: it goes to the error action of the rule.
"""

import base64
import functools
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace
from cdp_constructs.local.kit.time_limits import to_thread
from cdp_constructs.local.services.iot.lookups import asking
from cdp_constructs.local.services.iot.sql import (
    UNDEFINED,
    EvaluationError,
    Message,
    SqlError,
    read_payload,
    statement_of,
)
from cdp_constructs.local.services.iot.templates import running

_iot: Any = ministack.module(
    "services.iot",
    "PROP_CONTENT_TYPE",
    "PROP_CORRELATION_DATA",
    "PROP_PAYLOAD_FORMAT_INDICATOR",
    "PROP_RESPONSE_TOPIC",
    "PROP_USER_PROPERTY",
    "RuleRoleError",
    "_broker_logger",
    "_decode_properties",
    "_dispatch_rule_action",
    "_dispatch_rule_error_action",
    "_publish_source_ip",
    "_rule_action_name",
    "_rule_action_resource",
    "_rule_message_identity",
)

_MOST_ACTIONS = 10
_SQL_VERSIONS = ("2015-10-08", "2016-03-23", "beta")
_FAILURES = (SqlError, EvaluationError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What the evaluation of a message can end with; too deep a recursion is a RuntimeError."""

_properties: ContextVar[bytes] = ContextVar("_properties", default=b"")
"""The MQTT 5 properties of the message that is being published."""

_last: tuple[bytes, Any] = (b"", b"")
"""The payload that was read last, as several rules get the same message."""


@patch("ministack.services.iot:broker_publish")
async def _publish(original: Callable[..., Awaitable[None]], *arguments: Any, **options: Any) -> None:
    token = _properties.set(options.get("properties") or b"")
    try:
        await original(*arguments, **options)
    finally:
        _properties.reset(token)


def _read_properties(properties: bytes) -> Mapping[str, Any]:
    if not properties:
        return {}
    names = {
        _iot.PROP_CONTENT_TYPE: "content_type",
        _iot.PROP_CORRELATION_DATA: "correlation_data",
        _iot.PROP_PAYLOAD_FORMAT_INDICATOR: "format_indicator",
        _iot.PROP_RESPONSE_TOPIC: "response_topic",
    }
    found, _end = _iot._decode_properties(properties, 0)
    read = {names[identifier]: _shown(value) for identifier, value in found if identifier in names}
    return {**read, "user_properties": [value for identifier, value in found if identifier == _iot.PROP_USER_PROPERTY]}


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return {0: "UNSPECIFIED_BYTES", 1: "UTF8_DATA"}.get(value, "") if isinstance(value, int) else str(value)


def _document(payload: bytes) -> Any:
    global _last  # noqa: PLW0603 - one payload, read once for all rules
    if _last[0] is not payload:
        _last = (payload, read_payload(payload))
    return _last[1]


@patch("ministack.services.iot:_rule_topic_filter")
def _topic_filter(original: Callable[[str], str], sql: str) -> str:
    try:
        return statement_of(sql).topic_filter
    except SqlError:
        return original(sql)


@patch("ministack.services.iot:_run_rule_actions")
async def _run_actions(
    _original: Callable[..., Awaitable[None]],
    account: str,
    region: str,
    rule: Any,
    payload: bytes,
    topic: str = "",
    client_id: str | None = None,
) -> None:
    if not rule or rule.get("ruleDisabled"):
        return
    principal, trace_id = _iot._rule_message_identity.get()
    message = Message(
        payload=payload or b"",
        document=_document(payload or b""),
        topic=topic,
        client_id=client_id,
        principal=principal,
        trace_id=trace_id,
        source_ip=_iot._publish_source_ip.get(),
        account=account,
        sql_version=rule.get("awsIotSqlVersion") or _SQL_VERSIONS[1],
        properties=functools.partial(_read_properties, _properties.get()),
        ask=asking(rule["ruleName"], account, region),
    )
    variables: frozenset[str] = frozenset()
    try:
        statement = statement_of(rule["sql"])
        variables = statement.variables
        event = await to_thread(statement.select, message) if statement.asks else statement.select(message)
    except _FAILURES as error:
        failures = [_failure_of_sql(rule["ruleName"], error)]
    else:
        if event is UNDEFINED:
            return
        with running(message, variables):
            failures = await _perform(account, region, rule, event)
    if failures:
        with running(message, variables):
            await _iot._dispatch_rule_error_action(account, region, rule, topic, message.payload, client_id, failures)


def _failure_of_sql(rule: str, error: Exception) -> dict[str, str]:
    # As AWS IoT names the entries of its log.
    function = error.function if isinstance(error, EvaluationError) else ""
    _iot._broker_logger.warning("IoT rule %s: %s: %s", rule, type(error).__name__, error)
    return {
        "failedAction": "FunctionExecution" if function else "RuleExecution",
        "failedResource": function or rule,
        "errorMessage": f"{type(error).__name__}: {error}",
    }


async def _perform(account: str, region: str, rule: Mapping[str, Any], event: Any) -> list[dict[str, str]]:
    failures = []
    for action in rule.get("actions") or []:
        kind = next(iter(action), "")
        try:
            await _iot._dispatch_rule_action(account, region, rule["ruleName"], action, event)
        except Exception as error:  # noqa: BLE001 - an action that fails costs neither the others nor the message
            _iot._broker_logger.warning("IoT rule %s: action %s failed: %s", rule["ruleName"], kind, error)
            failures.append(
                {
                    "failedAction": _iot._rule_action_name(kind),
                    "failedResource": _iot._rule_action_resource(action, kind),
                    "errorMessage": f"{type(error).__name__}: {error}",
                }
            )
    return failures


@patch("ministack.services.iot:_validate_rule_sql")
def _validate(_original: Callable[[str], str | None], sql: str) -> str | None:
    try:
        statement_of(sql or "")
    except SqlError as error:
        return str(error)
    return None


@replace("ministack.services.iot:_unimplemented_sql_functions")
def _unimplemented(_original: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    # A deployment lists them for each rule; a message that needs one goes to the rule's error action.
    return lambda _sql: []


@patch("ministack.services.iot:put_topic_rule")
def _put_rule(original: Callable[..., Any], name: str, payload: Mapping[str, Any], **options: Any) -> Any:
    actions, version = payload.get("actions"), payload.get("awsIotSqlVersion") or _SQL_VERSIONS[1]
    problem = None
    if not isinstance(actions, list):
        problem = "Value null at 'topicRulePayload.actions' failed to satisfy constraint: Member must not be null"
    elif len(actions) > _MOST_ACTIONS:
        problem = (
            f"Value at 'topicRulePayload.actions' failed to satisfy constraint: Member must have length less than or "
            f"equal to {_MOST_ACTIONS}"
        )
    elif version not in _SQL_VERSIONS:
        problem = f"Unknown SQL version {version}: use one of {', '.join(_SQL_VERSIONS)}"
    if problem:
        # MiniStack answers this class with InvalidRequestException.
        raise _iot.RuleRoleError(problem)
    return original(name, payload, **options)
