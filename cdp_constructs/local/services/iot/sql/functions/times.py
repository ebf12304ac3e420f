"""`parse_time`, whose patterns are those of Joda-Time, and `time_to_epoch`, whose patterns are those of Java.

https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html
https://docs.oracle.com/en/java/javase/11/docs/api/java.base/java/time/format/DateTimeFormatter.html
"""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cdp_constructs.local.services.iot.sql.functions.function import Function, of
from cdp_constructs.local.services.iot.sql.functions.zones import zone_of
from cdp_constructs.local.services.iot.sql.message import EvaluationError
from cdp_constructs.local.services.iot.sql.values import UNDEFINED, as_integer, as_text

__all__ = ["TIMES"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PART = re.compile(r"'([^']*(?:''[^']*)*)'|([A-Za-z])\2*|.", re.DOTALL)
# Not those of the operating system, whose language may be another.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT, _FULL = 3, 4
_NOON = 12


def _offset(moment: datetime, count: int) -> str:
    text = moment.strftime("%z")[:5]
    return {1: text, 2: f"{text[:3]}:{text[3:]}"}.get(count) or str(moment.tzinfo)


def _zone(moment: datetime, count: int) -> str:
    if count >= _FULL:
        raise EvaluationError("parse_time: the embedded cloud has no names of time zones (zzzz)", "parse_time")
    return moment.tzname() or ""


def _year(year: int, count: int) -> str:
    return f"{year % 100:02}" if count == 2 else str(year).zfill(count)  # noqa: PLR2004 - yy is without the century


def _number(value: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, count: str(value(moment)).zfill(count)


def _month(moment: datetime, count: int) -> str:
    name = _MONTHS[moment.month - 1]
    return str(moment.month).zfill(count) if count < _SHORT else name[:3] if count == _SHORT else name


def _day(moment: datetime, count: int) -> str:
    name = _DAYS[moment.weekday()]
    return name if count >= _FULL else name[:3]


_FORMATS: Mapping[str, Callable[[datetime, int], str]] = {
    "G": lambda _moment, _count: "AD",
    "C": _number(lambda moment: moment.year // 100),
    "Y": lambda moment, count: _year(moment.year, count),
    "y": lambda moment, count: _year(moment.year, count),
    "x": lambda moment, count: _year(moment.isocalendar().year, count),
    "w": _number(lambda moment: moment.isocalendar().week),
    "e": _number(lambda moment: moment.isoweekday()),
    "E": _day,
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "M": _month,
    "d": _number(lambda moment: moment.day),
    "a": lambda moment, _count: "AM" if moment.hour < _NOON else "PM",
    "K": _number(lambda moment: moment.hour % 12),
    "h": _number(lambda moment: moment.hour % 12 or 12),
    "H": _number(lambda moment: moment.hour),
    "k": _number(lambda moment: moment.hour or 24),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": lambda moment, count: f"{moment.microsecond // 1000:03}"[:count].ljust(count, "0"),
    "z": _zone,
    "Z": _offset,
}


def _parse_time(pattern: Any, milliseconds: Any, zone: Any = "UTC") -> Any:
    text, moment_at, time_zone = as_text(pattern), as_integer(milliseconds), zone_of(as_text(zone) or "")
    if text is None or moment_at is None or time_zone is None:
        return UNDEFINED
    try:
        moment = (_EPOCH + timedelta(milliseconds=moment_at)).astimezone(time_zone)
    except OverflowError:
        return UNDEFINED

    def written(part: re.Match[str]) -> str:
        letter = part[2]
        if letter is None:
            return part[0] if part[1] is None else part[1].replace("''", "'") or "'"
        return _FORMATS[letter](moment, len(part[0]))

    try:
        return _PART.sub(written, text)
    except KeyError:
        return UNDEFINED


_NUMBERS = {"y": "year", "u": "year", "M": "month", "L": "month", "d": "day", "D": "day_of_year"} | {
    "H": "hour",
    "k": "hour",
    "h": "half_hour",
    "K": "half_hour",
    "m": "minute",
    "s": "second",
}
_ZONE = r"(?P<zone>[A-Za-z_/]+(?:[+-]\d{1,2}(?::?\d{2})?)?|[+-]\d{2}(?::?\d{2})?)"


def _expression_of(letter: str, count: int) -> str:
    if letter in "ML" and count >= _SHORT:
        return f"(?P<month_name>{'|'.join(name if count >= _FULL else name[:3] for name in _MONTHS)})"
    if letter in _NUMBERS:
        digits = {1: r"\d{1,19}" if letter in "yu" else r"\d{1,3}"}.get(count) or rf"\d{{{count}}}"
        return f"(?P<{_NUMBERS[letter]}>{digits})"
    if letter == "S":
        return rf"(?P<fraction>\d{{{count}}})"
    fixed = {"a": "(?P<half>AM|PM)", "E": "[A-Za-z]+", "G": "(?:AD|CE|Anno Domini)"} | dict.fromkeys("VzXxZO", _ZONE)
    if letter not in fixed:
        raise EvaluationError(f"time_to_epoch: the embedded cloud does not read the letter {letter}", "time_to_epoch")
    return fixed[letter]


@functools.lru_cache(maxsize=256)
def _reader(pattern: str) -> re.Pattern[str] | None:
    def expression(part: re.Match[str]) -> str:
        if part[2] is not None:
            return _expression_of(part[2], len(part[0]))
        if part[0] in "[]":
            return {"[": "(?:", "]": ")?"}[part[0]]
        return re.escape(part[0] if part[1] is None else part[1].replace("''", "'") or "'")

    try:
        return re.compile(_PART.sub(expression, pattern), re.ASCII)
    except re.error:
        return None


def _time_to_epoch(text: Any, pattern: Any) -> Any:
    if not isinstance(text, str) or not isinstance(pattern, str) or (reader := _reader(pattern)) is None:
        return UNDEFINED
    match = reader.fullmatch(text)
    found = {name: value for name, value in match.groupdict().items() if value} if match else {}
    zone = zone_of(found.get("zone", "UTC"))
    if match is None or zone is None or "year" not in found:
        return UNDEFINED
    year = int(found["year"]) + (2000 if len(found["year"]) == 2 else 0)  # noqa: PLR2004 - yy is of this century
    month = int(found.get("month", 1))
    if name := found.get("month_name"):
        month = next(number for number, full in enumerate(_MONTHS, 1) if full.startswith(name))
    hour = int(found.get("hour", 0)) % 24
    if half_hour := found.get("half_hour"):
        hour = int(half_hour) % _NOON + (_NOON if found.get("half") == "PM" else 0)
    try:
        day = datetime(year, month, int(found.get("day", 1)), tzinfo=zone)
        day += timedelta(days=int(found.get("day_of_year", 1)) - 1)
        moment = day.replace(hour=hour, minute=int(found.get("minute", 0)), second=int(found.get("second", 0)))
        milliseconds = int(found.get("fraction", "0").ljust(3, "0")[:3])
        return (moment - _EPOCH) // timedelta(milliseconds=1) + milliseconds
    except (ValueError, OverflowError):
        return UNDEFINED


TIMES: Mapping[str, Function] = {
    **of(2, {"parse_time": _parse_time}, most=3),
    **of(2, {"time_to_epoch": _time_to_epoch}),
}
