"""DynamoDB: an expression is read once, and not once for each item that it is held against.

MiniStack splits a condition into tokens and checks its grammar anew for every item of a partition. In a table with long
partitions that is most of the work of a query, and with it of everything else, because one loop serves all requests.
"""

from functools import lru_cache
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = (
    "ministack.services.dynamodb:_condition_syntax_error",
    "ministack.services.dynamodb:_tokenize",
)

_ddb: Any = ministack.module("services.dynamodb")

_REMEMBERED = 1024


def install() -> None:
    """Remember what both functions, which look at nothing but their arguments, found out."""
    _ddb._condition_syntax_error = lru_cache(_REMEMBERED)(_ddb._condition_syntax_error)
    _ddb._tokenize = lru_cache(_REMEMBERED)(_ddb._tokenize)
