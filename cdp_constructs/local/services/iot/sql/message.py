"""What the SQL of a rule is evaluated against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cdp_constructs.local.services.iot.sql.values import read_json

__all__ = ["Evaluate", "EvaluationError", "Message", "read_payload"]


class EvaluationError(Exception):
    """SQL that could not be evaluated for a message.

    Args:
        message: The reason.
        function: The function that failed, if it was one.
    """

    def __init__(self, message: str, function: str = "") -> None:
        super().__init__(message)
        self.function = function


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(slots=True)
class Message:
    """A published message, and the rule that it reached.

    Attributes:
        payload: As published.
        document: What the payload's JSON stands for; the payload itself, as bytes, when it is not JSON.
        topic: Where it was published; without the prefix of basic ingest.
        client_id: The MQTT client that published it; None for other clients.
        principal: Who published it.
        trace_id: Id of the message.
        source_ip: Address of the client.
        account: Account of the rule.
        sql_version: Version of SQL that the rule names.
        properties: Returns the message's MQTT 5 properties by the names that `get_mqtt_property` has for them, and the
            user properties as a list of pairs under `user_properties`.
        ask: Calls a function that asks another service, by name, with its arguments.
        variables: Values of the SET clause.
    """

    payload: bytes
    document: Any
    topic: str = ""
    client_id: str | None = None
    principal: str | None = None
    trace_id: str | None = None
    source_ip: str = ""
    account: str = ""
    sql_version: str = "2016-03-23"
    properties: Callable[[], Mapping[str, Any]] = _nothing
    ask: Callable[..., Any] | None = None
    variables: dict[str, Any] = field(default_factory=dict)


Evaluate: TypeAlias = Callable[[Message, Any], Any]
"""An expression, compiled: it gets the message, and what attributes are looked up in."""


def read_payload(payload: bytes) -> Any:
    """Return what a payload stands for, and the payload itself when it is not JSON."""
    try:
        return read_json(payload)
    except (ValueError, RecursionError):
        return payload
