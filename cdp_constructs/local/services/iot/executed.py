"""IoT Core: what of a rule is not executed, for the result of a deployment. Reading it does not import MiniStack."""

from collections.abc import Iterator, Mapping
from typing import Any

from cdp_constructs.local.services.iot.sql import SqlError, statement_of, template_of

__all__ = ["PERFORMED", "missing_in"]

PERFORMED = frozenset(
    {
        *("cloudwatchLogs", "dynamoDB", "dynamoDBv2", "firehose", "kinesis", "lambda", "republish", "s3", "sns", "sqs"),
        "stepFunctions",
    }
)
"""Actions that the embedded cloud performs."""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


def _functions(sql: str, actions: list[Any]) -> Iterator[str]:
    statement = statement_of(sql)
    yield from statement.not_executed
    for text in _texts(actions):
        if "${" in text:
            yield from template_of(text, statement.variables).not_executed


def missing_in(rule: Mapping[str, Any]) -> str | None:
    """Return what of a rule is not executed, for readers; None when everything is.

    Args:
        rule: The rule as `GetTopicRule` returns it.
    """
    actions = [*(rule.get("actions") or []), *([rule["errorAction"]] if rule.get("errorAction") else [])]
    try:
        functions = sorted(set(_functions(rule["sql"], actions)))
    except SqlError as error:
        return f"an expression of the rule cannot be read, and its messages go to the error action: {error}"
    kinds = sorted({kind for action in actions for kind in action} - PERFORMED)
    missing = [f"function {name}" for name in functions] + [f"action {kind}" for kind in kinds]
    if not missing:
        return None
    return f"not executed, and messages that need it go to the rule's error action: {', '.join(missing)}"
