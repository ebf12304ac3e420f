"""DynamoDB: an expression is parsed once, and not for each item; `IN` takes 100 operands.

MiniStack tokenizes a condition and checks its grammar for every item of a partition. In a table with long partitions
that is most of the work of a query, and it delays all other requests, because one event loop serves them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch, replace

_responses: Any = ministack.module("core.responses")

_CACHED = 1024
_MOST_OPERANDS = 100
_IN = re.compile(r"\bIN\s*\(([^()]*)\)", re.IGNORECASE)


# Both functions look at nothing but their arguments.


@replace("ministack.services.dynamodb:_condition_syntax_error")
def _condition_syntax_error(original: Callable[..., Any]) -> Callable[..., Any]:
    return lru_cache(_CACHED)(original)


@patch("ministack.services.dynamodb:_expression_size_error")
def _too_many_operands(original: Callable[..., Any], data: Mapping[str, Any], names: Iterable[str], *rest: Any) -> Any:
    for name in names:
        text = data.get(name) or ""
        # A shorter list has fewer commas, whatever it is of.
        if isinstance(text, str) and text.count(",") >= _MOST_OPERANDS:
            for operands in _IN.findall(text):
                if (number := operands.count(",") + 1) > _MOST_OPERANDS:
                    problem = f"The IN operator is provided with too many operands; number of operands: {number}"
                    return _responses.error_response_json("ValidationException", f"Invalid {name}: {problem}", 400)
    return original(data, names, *rest)


@replace("ministack.services.dynamodb:_tokenize")
def _tokenize(original: Callable[..., Any]) -> Callable[..., Any]:
    return lru_cache(_CACHED)(original)
