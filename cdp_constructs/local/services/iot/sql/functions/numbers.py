"""Functions of numbers: strings that have one are converted; for anything else the value is Undefined."""

import decimal
import math
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from cdp_constructs.local.services.iot.sql.functions.function import Function, of
from cdp_constructs.local.services.iot.sql.operators import remainder
from cdp_constructs.local.services.iot.sql.values import (
    UNDEFINED,
    as_decimal,
    as_integer,
    as_number,
    from_decimal,
    from_double,
)

__all__ = ["NUMBERS"]

_MOST_PLACES = 34


def _doubles(calculate: Callable[..., float]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        numbers = [number for number in map(as_number, values) if number is not None]
        if len(numbers) != len(values):
            return UNDEFINED
        try:
            return from_double(calculate(*map(float, numbers)))
        except (ValueError, OverflowError):
            return UNDEFINED

    return call


def _integers(calculate: Callable[..., int]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        numbers = [number for number in map(as_integer, values) if number is not None]
        return calculate(*numbers) if len(numbers) == len(values) else UNDEFINED

    return call


def _rounded(rounding: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        number = as_decimal(value)
        return UNDEFINED if number is None else from_decimal(number.to_integral_value(rounding))

    return call


def _abs(value: Any) -> Any:
    number = as_number(value)
    return UNDEFINED if number is None else abs(number)


def _sign(value: Any) -> Any:
    number = as_number(value)
    return UNDEFINED if number is None else (number > 0) - (number < 0)


def _trunc(value: Any, places: Any) -> Any:
    number, count = as_decimal(value), None if isinstance(places, str) else as_integer(places)
    if number is None or count is None:
        return UNDEFINED
    unit = Decimal(1).scaleb(-max(0, min(count, _MOST_PLACES)))
    with decimal.localcontext(prec=2 * _MOST_PLACES + 1000):
        return from_decimal(number.quantize(unit, decimal.ROUND_DOWN))


def _nanvl(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None or value is UNDEFINED else value


_OF_DOUBLES: Mapping[str, Callable[[float], float]] = {
    **{name: getattr(math, name) for name in ("acos", "asin", "atan", "cos", "cosh", "exp")},
    **{name: getattr(math, name) for name in ("sin", "sinh", "sqrt", "tan", "tanh")},
    "ln": math.log,
    "log": math.log10,
}

NUMBERS: Mapping[str, Function] = {
    **of(0, {"rand": lambda: random.random()}),  # noqa: PLW0108, S311 - replaceable in tests; not for cryptography
    **of(1, {name: _doubles(calculate) for name, calculate in _OF_DOUBLES.items()}),
    **of(
        1,
        {
            "abs": _abs,
            "bitnot": _integers(lambda value: ~value),
            "ceil": _rounded(decimal.ROUND_CEILING),
            "floor": _rounded(decimal.ROUND_FLOOR),
            "round": _rounded(decimal.ROUND_HALF_UP),
            "sign": _sign,
        },
    ),
    **of(
        2,
        {
            "atan2": _doubles(math.atan2),
            "bitand": _integers(lambda left, right: left & right),
            "bitor": _integers(lambda left, right: left | right),
            "bitxor": _integers(lambda left, right: left ^ right),
            "mod": remainder,
            "nanvl": _nanvl,
            "power": _doubles(math.pow),
            "remainder": remainder,
            "trunc": _trunc,
        },
    ),
}
