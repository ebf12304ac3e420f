"""Compiles expressions of AWS IoT SQL to closures, so that nothing is read again for each message."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cdp_constructs.local.services.iot.sql import nodes
from cdp_constructs.local.services.iot.sql.casts import CASTS
from cdp_constructs.local.services.iot.sql.functions.context import CONTEXT
from cdp_constructs.local.services.iot.sql.functions.digests import DIGESTS
from cdp_constructs.local.services.iot.sql.functions.function import Function
from cdp_constructs.local.services.iot.sql.functions.numbers import NUMBERS
from cdp_constructs.local.services.iot.sql.functions.strings import STRINGS
from cdp_constructs.local.services.iot.sql.functions.structures import STRUCTURES, item_of
from cdp_constructs.local.services.iot.sql.functions.times import TIMES
from cdp_constructs.local.services.iot.sql.message import Evaluate, EvaluationError, Message
from cdp_constructs.local.services.iot.sql.operators import BINARY, all_of, any_of, is_like, negation
from cdp_constructs.local.services.iot.sql.values import UNDEFINED, equal

__all__ = ["FUNCTIONS", "NOT_EXECUTED", "compiled", "not_executed", "projection"]

FUNCTIONS: Mapping[str, Function] = {**NUMBERS, **STRINGS, **DIGESTS, **STRUCTURES, **TIMES, **CONTEXT}

NOT_EXECUTED = frozenset({"machinelearning_predict"})
"""Functions that AWS IoT has, and the embedded cloud does not execute. `decode` of Protobuf is another."""

_GET_OR_DEFAULT = "get_or_default"
_PROTOBUF = "proto"


def not_executed(node: nodes.Node) -> str | None:
    """Return the name of a function call that is not executed, None for anything else."""
    if not isinstance(node, nodes.Call):
        return None
    if node.name in NOT_EXECUTED:
        return node.name
    scheme = node.arguments[1] if node.name == "decode" and len(node.arguments) > 1 else None
    return "decode of Protobuf" if scheme == nodes.Constant(_PROTOBUF) else None


def compiled(node: nodes.Node) -> Evaluate:  # noqa: C901, PLR0911, PLR0912 - one case for each kind of node
    """Return what evaluates an expression.

    Raises:
        KeyError: for a function or a type that AWS IoT does not have.
    """
    match node:
        case nodes.Constant(value):
            return lambda _message, _scope: value
        case nodes.Attribute(name):
            return lambda _message, scope: scope.get(name, UNDEFINED) if type(scope) is dict else UNDEFINED
        case nodes.Star():
            return _star
        case nodes.Variable(name):
            return lambda message, _scope: message.variables[name]
        case nodes.Field(base, name):
            return _field(compiled(base), name)
        case nodes.Item(base, index):
            return _applied(item_of, (compiled(base), compiled(index)))
        case nodes.Call():
            return _call(node)
        case nodes.Cast(value, kind, _):
            return _applied(CASTS[kind], (compiled(value),))
        case nodes.Operation("AND", (left, right)):
            return all_of(compiled(left), compiled(right))
        case nodes.Operation("OR", (left, right)):
            return any_of(compiled(left), compiled(right))
        case nodes.Operation("NOT", (operand,)):
            return negation(compiled(operand))
        case nodes.Operation("IS NULL", (operand,)):
            return _applied(lambda value: UNDEFINED if value is UNDEFINED else value is None, (compiled(operand),))
        case nodes.Operation(operator, (left, right)):
            return _applied(BINARY[operator], (compiled(left), compiled(right)))
        case nodes.In(value, choices):
            return _applied(_is_in, (compiled(value), compiled(choices)))
        case nodes.Like(value, pattern):
            return _applied(is_like(pattern), (compiled(value),))
        case nodes.Case(value, branches, otherwise):
            return _case(compiled(value), [(compiled(when), compiled(then)) for when, then in branches], otherwise)
        case nodes.Items(items):
            return _items([compiled(item) for item in items])
        case nodes.Pairs(pairs):
            return _pairs([(key, compiled(value)) for key, value in pairs])
        case nodes.Query():
            return _query(node)
        case nodes.Exists(query):
            return _applied(
                lambda found: isinstance(found, dict) or bool(found and found is not UNDEFINED), [_query(query)]
            )
    raise TypeError(f"{node} is no expression")  # pragma: no cover - the parser reads no other


def _star(_message: Message, scope: Any) -> Any:
    return base64.b64encode(scope).decode() if isinstance(scope, bytes) else scope


def _field(base: Evaluate, name: str) -> Evaluate:
    def field(message: Message, scope: Any) -> Any:
        value = base(message, scope)
        return value.get(name, UNDEFINED) if type(value) is dict else UNDEFINED

    return field


def _applied(function: Callable[..., Any], arguments: Sequence[Evaluate]) -> Evaluate:
    # Most calls have one or two arguments; a loop over them costs as much as the function.
    match arguments:
        case [only]:
            return lambda message, scope: function(only(message, scope))
        case [one, other]:
            return lambda message, scope: function(one(message, scope), other(message, scope))
    return lambda message, scope: function(*[argument(message, scope) for argument in arguments])


def _call(node: nodes.Call) -> Evaluate:
    if name := not_executed(node):
        return _failing(EvaluationError(f"the embedded cloud does not execute {name}", name))
    arguments = [compiled(argument) for argument in node.arguments]
    if node.name == _GET_OR_DEFAULT:
        return _get_or_default(*arguments) if len(arguments) in {1, 2} else _undefined
    function = FUNCTIONS[node.name]
    if not function.least <= len(arguments) <= function.most:
        return _undefined
    if node.name == "encode" and isinstance(node.arguments[0], nodes.Star):
        # The payload as it was published, whether it is JSON or not.
        arguments[0] = lambda message, _scope: message.payload
    if not function.of_message:
        return _applied(function.call, arguments)
    call = function.call
    return lambda message, scope: call(message, *[argument(message, scope) for argument in arguments])


def _undefined(_message: Message, _scope: Any) -> Any:
    return UNDEFINED


def _failing(error: EvaluationError) -> Evaluate:
    def fail(_message: Message, _scope: Any) -> Any:
        raise error

    return fail


def _get_or_default(value: Evaluate, default: Evaluate = _undefined) -> Evaluate:
    def get(message: Message, scope: Any) -> Any:
        try:
            found = value(message, scope)
        except EvaluationError:
            found = None
        return default(message, scope) if found is None or found is UNDEFINED else found

    return get


def _is_in(value: Any, choices: Any) -> Any:
    if value is UNDEFINED or not isinstance(choices, list):
        return UNDEFINED
    return any(equal(value, choice) for choice in choices)


def _case(value: Evaluate, branches: Sequence[tuple[Evaluate, Evaluate]], otherwise: nodes.Node | None) -> Evaluate:
    last = _undefined if otherwise is None else compiled(otherwise)

    def case(message: Message, scope: Any) -> Any:
        found = value(message, scope)
        if found is UNDEFINED:
            return UNDEFINED
        for when, then in branches:
            if equal(found, when(message, scope)):
                return then(message, scope)
        return last(message, scope)

    return case


def _items(items: Sequence[Evaluate]) -> Evaluate:
    def array(message: Message, scope: Any) -> Any:
        values = [item(message, scope) for item in items]
        return [value for value in values if value is not UNDEFINED]

    return array


def _pairs(pairs: Sequence[tuple[str, Evaluate]]) -> Evaluate:
    def mapping(message: Message, scope: Any) -> Any:
        values = [(key, value(message, scope)) for key, value in pairs]
        return {key: value for key, value in values if value is not UNDEFINED}

    return mapping


def _query(query: nodes.Query) -> Evaluate:
    source, select = compiled(query.source), projection(query.select)
    where = None if query.where is None else compiled(query.where)
    alias = query.alias

    def selected(message: Message, element: Any) -> Any:
        if alias is not None:
            element = {**(element if isinstance(element, dict) else {}), alias: element}
        return UNDEFINED if where is not None and where(message, element) is not True else select(message, element)

    def run(message: Message, scope: Any) -> Any:
        found = source(message, scope)
        if isinstance(found, dict):
            return selected(message, found)
        if not isinstance(found, list):
            return UNDEFINED
        values = [selected(message, element) for element in found]
        return [value for value in values if value is not UNDEFINED]

    return run


def projection(select: nodes.Select) -> Evaluate:
    """Return what evaluates a SELECT clause."""
    if select.value is not None:
        return compiled(select.value)
    if select.fields == (((), nodes.Star()),):
        return lambda _message, scope: scope
    fields = [(path, compiled(node)) for path, node in select.fields]

    def project(message: Message, scope: Any) -> Any:
        event: dict[str, Any] = {}
        for path, evaluate in fields:
            if not path:
                event.update(scope if isinstance(scope, dict) else {})
            elif (value := evaluate(message, scope)) is not UNDEFINED:
                _put(event, path, value)
        return event

    return project


def _put(event: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        # A copy, as the object may be a part of the message.
        inner = event.get(name)
        event[name] = dict(inner) if isinstance(inner, dict) else {}
        event = event[name]
    event[path[-1]] = value
