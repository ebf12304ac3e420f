"""Results that are kept for as long as a construct lives; values that somebody gave are in ``tree``.

Every question to the CDK is a call to Node. jsii hands out one Python object for each construct, so that it can be a
key; keys are weak, so that the apps of a test session are freed.
"""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

__all__ = ["once"]

Key = TypeVar("Key")
Value = TypeVar("Value")


def once(function: Callable[[Key], Value]) -> Callable[[Key], Value]:
    """Call a function of one construct only the first time, and return the same result from then on.

    Example::

        @once
        def powertools_layer(stack: Stack) -> lambda_.ILayerVersion: ...

    Args:
        function: Takes a construct; what it returns must not change while the construct lives.
    """
    results: WeakKeyDictionary[Key, Value] = WeakKeyDictionary()

    @wraps(function)
    def kept(construct: Key) -> Value:
        if construct not in results:
            results[construct] = function(construct)
        return results[construct]

    return kept
