"""What every step does: its log names the list that it is about."""

import functools
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from correlation import TRACEPARENT, about

__all__ = ["step"]

_Handler = Callable[[Any, LambdaContext], Any]


def step(logger: Logger) -> Callable[[_Handler], _Handler]:
    """Decorate the handler of a step: the lines of its log have the correlation id of the list.

    Args:
        logger: The function's own.
    """

    def decorate(handler: _Handler) -> _Handler:
        @logger.inject_lambda_context
        @functools.wraps(handler)
        def stepped(event: Any, context: LambdaContext) -> Any:
            with about(logger, event.get(TRACEPARENT) if isinstance(event, dict) else None):
                return handler(event, context)

        return stepped

    return decorate
