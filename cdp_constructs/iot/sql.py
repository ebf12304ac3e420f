"""The SQL of AWS IoT rules: ``SELECT … FROM '<topic filter>' WHERE …``, SQL version 2016-03-23."""

import re

from aws_cdk import Token
from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.iot.topics import InvalidTopicError, check_mqtt_filter

_SQL = re.compile(r"\s*SELECT\s.+\sFROM\s+'(?P<filter>[^']*)'", re.IGNORECASE | re.DOTALL)


def select(expressions: str, topic_filter: str, where: str = "") -> str:
    """Return the SQL of a rule.

        select(f"*, {TELEMETRY_FIELDS}", topics.telemetry_filter(kind="climate"), "temperature > 30")

    Args:
        expressions: What to send on; ``cdp_constructs.iot.topics`` has the expressions for levels of the topic.
        topic_filter: The topics whose messages are selected.
        where: A condition on the message. Default: none.
    """
    sql = f"SELECT {expressions} FROM '{topic_filter}'"  # noqa: S608 - written by the author of the stack
    return f"{sql} WHERE {where}" if where else sql


def check_sql(construct: "Construct", sql: str) -> None:
    """Check that SQL has a topic filter that AWS IoT accepts.

    Raises:
        InvalidOptionError: for the option ``sql``.
    """
    if Token.is_unresolved(sql):
        return
    match = _SQL.match(sql)
    if match is None:
        fix = "Write SELECT … FROM '<topic filter>', such as SELECT * FROM 'dt/home/#'"
        raise InvalidOptionError(construct, "sql", f"is {sql!r}", fix)
    try:
        check_mqtt_filter(match["filter"])
    except InvalidTopicError as error:
        raise InvalidOptionError(construct, "sql", f"is {sql!r}: {error}", "Change the topic filter") from error
