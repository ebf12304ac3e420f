"""Schedule expressions as Amazon EventBridge Scheduler and Application Auto Scaling take them."""

import re
from datetime import datetime

__all__ = ["is_schedule"]

# https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
_RATE = re.compile(r"rate\([1-9]\d* (minute|hour|day)s?\)")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_FIELDS = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (1, 7, _DAYS), (1970, 2199, ()))
"""Least, most and names of minutes, hours, days of the month, months, days of the week and years."""
_DAY_OF_MONTH, _DAY_OF_WEEK = 2, 4
_LAST_DAY = re.compile(r"L|LW|L-([1-9]|[12]\d|30)|([1-9]|[12]\d|3[01])W")
_WEEKDAY = re.compile(r"L|([1-7]|[A-Z]{3})(L|#[1-5])")


def is_schedule(expression: str) -> bool:
    """Tell whether an expression is a rate of at least one, a time, or a ``cron`` that comes."""
    if expression.startswith("at("):
        return _is_time(expression)
    if not (expression.startswith("cron(") and expression.endswith(")")):
        return _RATE.fullmatch(expression) is not None
    fields = expression[len("cron(") : -1].split()
    if len(fields) != len(_FIELDS) or (fields[_DAY_OF_MONTH] == "?") == (fields[_DAY_OF_WEEK] == "?"):
        return False
    return all(_is_field(place, field) for place, field in enumerate(fields))


def _is_time(expression: str) -> bool:
    try:
        datetime.strptime(expression, "at(%Y-%m-%dT%H:%M:%S)")  # noqa: DTZ007 - the zone is an option of its own
    except ValueError:
        return False
    return True


def _is_field(place: int, field: str) -> bool:
    if place in {_DAY_OF_MONTH, _DAY_OF_WEEK}:
        special = _LAST_DAY if place == _DAY_OF_MONTH else _WEEKDAY
        if field == "?" or special.fullmatch(field):
            return True
    return all(_is_part(place, part) for part in field.split(","))


def _is_part(place: int, part: str) -> bool:
    values, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return False
    if values == "*":
        return True
    first, dash, last = values.partition("-")
    return _is_value(place, first) and (not dash or _is_value(place, last))


def _is_value(place: int, text: str) -> bool:
    least, most, names = _FIELDS[place]
    return text.upper() in names or (text.isdecimal() and least <= int(text) <= most)
