"""Functions of the message, its sender and the rule."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.services.iot.sql.functions.function import Function, of_message
from cdp_constructs.local.services.iot.sql.message import EvaluationError, Message
from cdp_constructs.local.services.iot.sql.values import UNDEFINED, as_integer

__all__ = ["ASKING", "CONTEXT"]


def _topic(message: Message, level: Any = None) -> Any:
    if level is None:
        return message.topic
    levels, number = message.topic.split("/"), as_integer(level)
    return levels[number - 1] if number is not None and 0 < number <= len(levels) else UNDEFINED


def _mqtt_property(message: Message, name: Any) -> Any:
    properties = message.properties()
    return properties.get(name, UNDEFINED) if isinstance(name, str) and name != "user_properties" else UNDEFINED


def _user_properties(message: Message, name: Any = None) -> Any:
    pairs = message.properties().get("user_properties") or []
    if name is None:
        return [{key: value} for key, value in pairs] or UNDEFINED
    return [value for key, value in pairs if key == name] or UNDEFINED


def _asking(name: str) -> Callable[..., Any]:
    def call(message: Message, *arguments: Any) -> Any:
        if message.ask is None:
            raise EvaluationError(f"{name} cannot be called here", name)
        return message.ask(name, *arguments)

    return call


ASKING = frozenset({"aws_lambda", "get_dynamodb", "get_registry_data", "get_secret", "get_thing_shadow"})
"""Functions that ask another service, and so wait."""

CONTEXT: Mapping[str, Function] = {
    **of_message(
        0,
        0,
        {
            "accountid": lambda message: message.account,
            "clientid": lambda message: message.client_id or "n/a",
            "newuuid": lambda _message: str(uuid.uuid4()),
            "principal": lambda message: message.principal or UNDEFINED,
            "sourceip": lambda message: message.source_ip or UNDEFINED,
            "sql_version": lambda message: message.sql_version,
            "timestamp": lambda _message: int(time.time() * 1000),
            "traceid": lambda message: message.trace_id or UNDEFINED,
        },
    ),
    **of_message(0, 1, {"get_user_properties": _user_properties, "topic": _topic}),
    **of_message(1, 1, {"get_mqtt_property": _mqtt_property}),
    **of_message(2, 6, {name: _asking(name) for name in sorted(ASKING)}),
}
