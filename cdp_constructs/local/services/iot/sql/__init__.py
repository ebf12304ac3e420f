"""AWS IoT SQL: the SQL of rules, and the templates of their actions, for SQL version 2016-03-23.

`tokens` to `parser` read it to `nodes`, `compilation` makes closures of these, and `statement` keeps them.
"""

from cdp_constructs.local.services.iot.sql.message import EvaluationError, Message, read_payload
from cdp_constructs.local.services.iot.sql.statement import Statement, Template, statement_of, template_of
from cdp_constructs.local.services.iot.sql.tokens import SqlError
from cdp_constructs.local.services.iot.sql.values import UNDEFINED

__all__ = [
    "UNDEFINED",
    "EvaluationError",
    "Message",
    "SqlError",
    "Statement",
    "Template",
    "read_payload",
    "statement_of",
    "template_of",
]
