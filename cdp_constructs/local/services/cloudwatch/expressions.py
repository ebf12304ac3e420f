"""CloudWatch: metric math.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

The language is close enough to Python's expressions to be parsed as such; what is evaluated is only what is named here.
"""

import ast
import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cdp_constructs.local.services.cloudwatch import insight_rules, insights
from cdp_constructs.local.services.cloudwatch.insights import ExpressionError
from cdp_constructs.local.services.cloudwatch.series import Periods, Series, read, search

__all__ = ["ExpressionError", "Expressions"]


@dataclass(frozen=True)
class _Several:
    """Several time series, as `METRICS` and `SEARCH` give them."""

    series: list[Series]


_Value: TypeAlias = float | Series | _Several

_SPELLINGS = tuple(
    (re.compile(spelling), python)
    for spelling, python in ((r"&&|\bAND\b", " and "), (r"\|\||\bOR\b", " or "), (r"\^", "**"))
)
_QUOTED = re.compile(r"""('[^']*'|"[^"]*")""")
_SEARCH = re.compile(r"\{(?P<schema>[^}]*)\}(?P<words>.*)", re.DOTALL)
_WORD = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|([^\s"]+))""")
_OPERATORS: Mapping[type, Callable[[float, float], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b if b else None,
    ast.Pow: operator.pow,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.And: lambda a, b: bool(a and b),
    ast.Or: lambda a, b: bool(a or b),
}
_OF_EACH: Mapping[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "AVG": statistics.fmean,
    "MAX": max,
    "MIN": min,
    "STDDEV": statistics.pstdev,
    "SUM": math.fsum,
}


class Expressions:
    """Evaluates the queries of an alarm or of `GetMetricData`, in the current account and Region.

    Args:
        queries: As in the API: each with an `Id`, and a `MetricStat` or an `Expression`.
        periods: For which periods.
    """

    def __init__(self, queries: Sequence[Mapping[str, Any]], periods: Periods) -> None:
        self._queries = {query["Id"]: query for query in queries}
        self._periods = periods
        self._known: dict[str, _Value] = {}

    def value(self, identity: str) -> Series:
        """Return the values of a query.

        Raises:
            ExpressionError: it, or one that it uses, cannot be evaluated.
        """
        return self._series(self._value(identity))

    def _value(self, identity: str) -> _Value:
        if identity not in self._queries:
            raise ExpressionError(f"there is no {identity}")
        if identity not in self._known:
            query = self._queries[identity]
            self._known[identity] = (
                read(query["MetricStat"], self._periods) if "MetricStat" in query else self._parse(query["Expression"])
            )
        return self._known[identity]

    def _series(self, value: _Value) -> Series:
        if isinstance(value, _Several):
            raise ExpressionError("several time series stand where one is expected")
        return value if isinstance(value, list) else [value] * self._periods.count

    def _parse(self, text: str) -> _Value:
        if text.lstrip()[:6].upper() == "SELECT":
            return insights.select(text, self._periods)
        parts = _QUOTED.split(text)
        for at in range(0, len(parts), 2):  # what is between the quoted texts
            for spelling, python in _SPELLINGS:
                parts[at] = spelling.sub(python, parts[at])
        try:
            tree = ast.parse("".join(parts).strip(), mode="eval")
        except SyntaxError as error:
            raise ExpressionError(f"{text}: {error.msg}") from error
        return self._evaluate(tree.body)

    def _evaluate(self, node: ast.expr) -> _Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=identity):
                return self._value(identity)
            case ast.List(elts=items):
                return _Several([self._series(self._evaluate(item)) for item in items])
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, arguments)
            case _:
                return self._operation(node)

    def _operation(self, node: ast.expr) -> _Value:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._combine(ast.Sub, 0.0, self._evaluate(operand))
            case ast.BinOp(left=left, op=kind, right=right):
                return self._combine(type(kind), self._evaluate(left), self._evaluate(right))
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                return self._combine(type(comparison), self._evaluate(left), self._evaluate(right))
            case ast.BoolOp(op=both, values=values):
                whole = self._evaluate(values[0])
                for value in values[1:]:
                    whole = self._combine(type(both), whole, self._evaluate(value))
                return whole
        raise ExpressionError(f"the embedded cloud does not know {ast.unparse(node)} in metric math")

    def _combine(self, kind: type, left: _Value, right: _Value) -> _Value:
        if kind not in _OPERATORS:
            raise ExpressionError(f"the embedded cloud does not know the operator {kind.__name__} in metric math")
        if isinstance(left, _Several):
            return _Several([self._series(self._combine(kind, each, right)) for each in left.series])
        if isinstance(right, _Several):
            return _Several([self._series(self._combine(kind, left, each)) for each in right.series])
        pairs = zip(self._series(left), self._series(right), strict=True)
        combined = [None if a is None or b is None else _OPERATORS[kind](a, b) for a, b in pairs]
        return [None if value is None else float(value) for value in combined]

    def _each(self, value: _Value, apply: Callable[[Series], Series]) -> _Value:
        if isinstance(value, _Several):
            return _Several([apply(series) for series in value.series])
        return apply(self._series(value))

    def _call(self, name: str, arguments: list[ast.expr]) -> _Value:
        if name in _AGGREGATES:
            return _aggregate(_AGGREGATES[name], self._evaluate(arguments[0]))
        if name in _OF_EACH:
            return self._each(self._evaluate(arguments[0]), lambda series: _map(_OF_EACH[name], series))
        functions: Mapping[str, Callable[..., _Value]] = {
            "DIFF": self._diff,
            "FILL": self._fill,
            "IF": self._if,
            "INSIGHT_RULE_METRIC": self._insight_rule_metric,
            "METRICS": self._metrics,
            "PERIOD": lambda _metric: float(self._periods.length),
            "RATE": self._rate,
            "SEARCH": self._search,
        }
        if name not in functions:
            raise ExpressionError(f"the embedded cloud does not know the function {name} of metric math")
        return functions[name](*arguments)

    def _fill(self, values: ast.expr, filler: ast.expr) -> _Value:
        how = filler.id if isinstance(filler, ast.Name) else ""
        if how == "LINEAR":
            raise ExpressionError("the embedded cloud does not know FILL(…, LINEAR)")
        fillers = self._series(None if how == "REPEAT" else self._evaluate(filler))  # type: ignore[arg-type]

        def fill(series: Series) -> Series:
            filled: Series = []
            for value, other in zip(series, fillers, strict=True):
                last = filled[-1] if filled else None
                filled.append(value if value is not None else last if how == "REPEAT" else other)
            return filled

        return self._each(self._evaluate(values), fill)

    def _if(self, condition: ast.expr, then: ast.expr, otherwise: ast.expr | None = None) -> _Value:
        none: Series = [None] * self._periods.count
        conditions, thens = self._series(self._evaluate(condition)), self._series(self._evaluate(then))
        others = none if otherwise is None else self._series(self._evaluate(otherwise))
        return [
            None if met is None else value if met else other
            for met, value, other in zip(conditions, thens, others, strict=True)
        ]

    def _rate(self, values: ast.expr) -> _Value:
        return self._each(self._evaluate(values), lambda series: _differences(series, self._periods.length))

    def _diff(self, values: ast.expr) -> _Value:
        return self._each(self._evaluate(values), lambda series: _differences(series, 1))

    def _metrics(self, part: ast.expr | None = None) -> _Value:
        named = "" if part is None else _text(part)
        found = [
            read(query["MetricStat"], self._periods)
            for identity, query in self._queries.items()
            if "MetricStat" in query and named in identity
        ]
        return _Several(found)

    def _search(self, what: ast.expr, statistic: ast.expr, _period: ast.expr | None = None) -> _Value:
        found = _SEARCH.fullmatch(_text(what).strip())
        if found is None:
            raise ExpressionError(f"the embedded cloud does not know the search {_text(what)!r}")
        namespace, *dimensions = [part.strip().strip('"') for part in found["schema"].split(",")]
        words = {name: quoted or plain for name, quoted, plain in _WORD.findall(found["words"])}
        return _Several(search(namespace, dimensions, words, _text(statistic), self._periods))

    def _insight_rule_metric(self, rule: ast.expr, metric: ast.expr) -> _Value:
        try:
            return insight_rules.values(_text(rule), _text(metric), self._periods)
        except NotImplementedError as error:
            raise ExpressionError(str(error)) from error


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ExpressionError(f"{ast.unparse(node)} is no text")


def _map(function: Callable[[float], float], series: Series) -> Series:
    return [None if value is None else float(function(value)) for value in series]


def _differences(series: Series, divisor: float) -> Series:
    pairs = zip([None, *series], series, strict=False)
    return [None if old is None or new is None else (new - old) / divisor for old, new in pairs]


def _aggregate(aggregate: Callable[[Sequence[float]], float], value: _Value) -> _Value:
    """Return a number of one time series, and a time series of several."""
    if isinstance(value, _Several):
        known = ([item for item in column if item is not None] for column in zip(*value.series, strict=True))
        return [float(aggregate(column)) if column else None for column in known]
    if isinstance(value, list):
        numbers = [item for item in value if item is not None]
        return float(aggregate(numbers)) if numbers else 0.0
    return value
