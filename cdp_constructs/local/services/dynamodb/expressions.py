"""DynamoDB: an expression is parsed once, and not for each item that it is evaluated on.

MiniStack tokenizes a condition and checks its grammar for every item of a partition. In a table with long partitions
that is most of the work of a query, and it delays all other requests, because one event loop serves them.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cdp_constructs.local.kit.patch import replace

_CACHED = 1024


# Both functions look at nothing but their arguments.


@replace("ministack.services.dynamodb:_condition_syntax_error")
def _condition_syntax_error(original: Callable[..., Any]) -> Callable[..., Any]:
    return lru_cache(_CACHED)(original)


@replace("ministack.services.dynamodb:_tokenize")
def _tokenize(original: Callable[..., Any]) -> Callable[..., Any]:
    return lru_cache(_CACHED)(original)
