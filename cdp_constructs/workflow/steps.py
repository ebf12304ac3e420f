"""Steps of workflows: retries, maps over many items, and sagas."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.periods import minute, seconds
from cdp_constructs.core.validation import InvalidOptionError, check_duration, check_no_repetition, check_range

__all__ = ["LASTING_ERRORS", "SagaStep", "add_retry", "add_saga", "for_each"]

LASTING_ERRORS = (
    # Of Step Functions: the definition, the data or the role is wrong.
    *("States.Permissions", "States.ParameterPathFailure", "States.ResultPathMatchFailure", "States.IntrinsicFailure"),
    *("States.NoChoiceMatched", "States.ExceedToleratedFailureThreshold"),
    # Of Lambda: the function is not there, or cannot start.
    *("Lambda.ResourceNotFoundException", "Lambda.InvalidParameterValueException", "Lambda.AccessDeniedException"),
    *("Runtime.ImportModuleError", "Runtime.HandlerNotFound", "Runtime.UserCodeSyntaxError"),
    # Of the code: Python calls errors by their class, and Node.js does too.
    *("ArithmeticError", "AssertionError", "AttributeError", "ImportError", "IndexError", "KeyError", "LookupError"),
    *("ModuleNotFoundError", "NameError", "NotImplementedError", "RangeError", "ReferenceError", "SyntaxError"),
    *("TypeError", "UnicodeDecodeError", "ValidationError", "ValueError", "ZeroDivisionError"),
    # Of the module claim_check.
    *("InvalidReferenceError", "MissingPayloadError"),
)
"""Errors that another try does not heal; ``add_retry`` leaves them to the catcher."""

_RETRY = "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"
_MAP = "https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html"
_MOST_RETRIES, _MOST_INLINE, _MOST_CHILDREN = 99_999_999, 40, 10_000
_JSON_PATH = re.compile(r"\$(\$?[.\[].+)?")
_LONGEST_INTERVAL, _LONGEST_DELAY = Duration.seconds(99_999_999), Duration.seconds(31_622_399)


_Step = TypeVar("_Step", sfn.TaskStateBase, sfn.Parallel, sfn.Map, sfn.DistributedMap, sfn.CustomState)


@checks_options
def add_retry(
    step: _Step,
    *,
    max_attempts: int = 4,
    interval: Duration | None = None,
    max_delay: Duration | None = None,
    never: Sequence[str] = (),
) -> _Step:
    """Try a step again when it failed for a reason that may pass: later each time, and not all at once.

    Each wait is a random part of twice the one before (full jitter), so that executions that failed together do not
    come back together. What ``LASTING_ERRORS`` names fails at once. Make tasks with
    ``retry_on_service_exceptions=False``: the first retry that knows an error decides, and the CDK's has no jitter.

    Args:
        step: A task, a map or parallel branches.
        max_attempts: Most retries, 1 to 99,999,999.
        interval: The first wait, 1 second or more, before its random part is taken. Default: 2 seconds.
        max_delay: The longest wait. Default: 1 minute.
        never: Names of further errors that another try does not heal, such as ``OutOfStock``.

    Returns:
        The step.

    Raises:
        InvalidOptionError: for values that Step Functions would refuse, and an error that is named twice.
    """
    interval, max_delay = interval or seconds(2), max_delay or minute()
    path = step.node.path
    check_range(path, "max_attempts", max_attempts, low=1, high=_MOST_RETRIES, unit="retries", source=_RETRY)
    check_duration(path, "interval", interval, low=seconds(1), high=_LONGEST_INTERVAL, source=_RETRY)
    check_duration(path, "max_delay", max_delay, low=seconds(2), high=_LONGEST_DELAY, source=_RETRY)
    if max_delay.to_seconds() <= interval.to_seconds():
        problem = f"is {max_delay.to_seconds():g} seconds"
        raise InvalidOptionError(path, "max_delay", problem, f"Use more than interval ({_RETRY})")
    check_no_repetition(path, "never", [*LASTING_ERRORS, *never])
    step.add_retry(errors=[*LASTING_ERRORS, *never], max_attempts=0)
    step.add_retry(
        errors=["States.ALL"],
        max_attempts=max_attempts,
        interval=interval,
        backoff_rate=2,
        max_delay=max_delay,
        jitter_strategy=sfn.JitterType.FULL,
    )
    return step


@checks_options
def for_each(
    scope: Construct,
    construct_id: str,
    *,
    step: "sfn.IChainable",
    items_path: str = "$",
    item_selector: Mapping[str, Any] | None = None,
    max_concurrency: int = 10,
    tolerated_failure_percentage: int | None = None,
    result_path: str | None = None,
) -> sfn.Map | sfn.DistributedMap:
    """Run a step for each item of a list, a bounded number of them at a time.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Name of the state.
        step: The step, or a chain of steps; its input is the item.
        items_path: JSONPath of the list in the input.
        item_selector: What the input of the step is instead, such as
            ``{"item": JsonPath.object_at("$$.Map.Item.Value"), "order": JsonPath.string_at("$.order")}``. Default: the
            item.
        max_concurrency: Most items at a time: 1 to 40, and to 10,000 with ``tolerated_failure_percentage``.
        tolerated_failure_percentage: How much may fail, 0 to 100. Each item is then an execution of its own (a
            distributed map, only in Standard workflows), and the results have None for items that failed. Default: the
            first failure fails the map.
        result_path: Where the results go in the input, such as ``$.results``. Default: they take its place.

    Raises:
        InvalidOptionError: for values that Step Functions would refuse.
    """
    path = f"{scope.node.path}/{construct_id}"
    for option, value in (("items_path", items_path), ("result_path", result_path)):
        if value is not None and not _JSON_PATH.fullmatch(value):
            raise InvalidOptionError(path, option, f"is {value!r}", "Use a JSONPath, such as $.orders")
    tolerant = tolerated_failure_percentage is not None
    high = _MOST_CHILDREN if tolerant else _MOST_INLINE
    check_range(path, "max_concurrency", max_concurrency, low=1, high=high, unit="items", source=_MAP)
    common: dict[str, Any] = {
        "items_path": items_path,
        "item_selector": item_selector,
        "max_concurrency": max_concurrency,
        "result_path": result_path,
    }
    if tolerated_failure_percentage is None:
        return sfn.Map(scope, construct_id, **common).item_processor(step)
    check_range(
        path,
        "tolerated_failure_percentage",
        tolerated_failure_percentage,
        low=0,
        high=100,
        unit="percent",
        source=_MAP,
    )
    distributed = sfn.DistributedMap(
        scope,
        construct_id,
        **common,
        tolerated_failure_percentage=tolerated_failure_percentage,
        map_execution_type=sfn.StateMachineType.STANDARD,
    )
    return distributed.item_processor(step)


@checks_options
@dataclass(frozen=True, kw_only=True)
class SagaStep:
    """A step of ``add_saga`` and what undoes it."""

    do: sfn.TaskStateBase
    """The step."""
    undo: sfn.TaskStateBase | None = None
    """Undoes the step, done or not: nobody knows that of one that timed out. None: there is nothing to undo."""


@checks_options
def add_saga(scope: Construct, construct_id: str, *, steps: Sequence[SagaStep]) -> sfn.Chain:
    """Chain steps so that when one fails, it and those before it are undone, the last one first.

    What undoes gets the input of the step that failed, with the error as ``$.error``, and is retried as of
    ``add_retry``. The execution fails in the end, with the error and the cause of the step.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Name of the state that ends an execution that was undone.
        steps: The steps in their order.

    Returns:
        The chain, which goes on with ``next()``.

    Raises:
        InvalidOptionError: for no steps, or a step that is there twice.
    """
    path = f"{scope.node.path}/{construct_id}"
    if not steps:
        raise InvalidOptionError(path, "steps", "is []", "Give at least one SagaStep")
    check_no_repetition(path, "steps", [one.node.path for step in steps for one in (step.do, step.undo) if one])
    then: sfn.IChainable = sfn.Fail(scope, construct_id, error_path="$.error.Error", cause_path="$.error.Cause")
    for step in steps:
        if step.undo is not None:
            _check_undo(path, step.undo)
            add_retry(step.undo)
            then = step.undo.next(then)
        step.do.add_catch(then, errors=["States.ALL"], result_path="$.error")
    first, *others = steps
    chain = sfn.Chain.start(first.do)
    for step in others:
        chain = chain.next(step.do)
    return chain


def _check_undo(path: str, undo: sfn.TaskStateBase) -> None:
    """Refuse a step whose result would take the place of the error."""
    state = undo.to_state_json()
    if state.get("QueryLanguage") != "JSONata" and "ResultPath" not in state:
        problem = f"is {undo.node.path}, whose result replaces the input and the error in it"
        raise InvalidOptionError(path, "steps.undo", problem, "Make it with result_path=JsonPath.DISCARD")
