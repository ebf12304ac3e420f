"""The handler that the pattern was given."""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["wrapped"]


def wrapped() -> Callable[[Any, LambdaContext], Any]:
    """Import the handler, named as Lambda names it: ``folder/index.handler``."""
    module, _, name = os.environ["RUN_ONCE_HANDLER"].rpartition(".")
    handler: Callable[[Any, LambdaContext], Any] = getattr(import_module(module.replace("/", ".")), name)
    return handler
