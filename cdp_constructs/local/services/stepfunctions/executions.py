"""Step Functions: how an execution runs, ends in time, and goes on after a failed step.

MiniStack runs states; what an execution is around them is here: the definition that it was started with, its timeout,
an end that nothing changes any more, and `RedriveExecution`. A redriven execution goes on at the failed state of the
top level with that state's input. Branches and items that succeeded keep their results; one that failed begins anew,
where AWS goes on inside of it.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

import contextvars
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

__all__ = ["running"]

_states: Any = ministack.module(
    "services.stepfunctions",
    "_ExecutionError",
    "_add_event",
    "_apply_input_path",
    "_apply_output_path",
    "_emit_execution_status_event",
    "_execute_choice",
    "_execute_map",
    "_execute_parallel",
    "_execute_pass",
    "_execute_task",
    "_execute_wait",
    "_executions",
    "_fail_state_error",
    "_finalize_response",
    "_run_execution",
    "_state_machines",
)
_responses: Any = ministack.module("core.responses", "error_response_json", "json_response", "now_iso")

_OF_EXECUTION = frozenset({"Map", "Parallel", "Task"})
_REDRIVABLE = frozenset({"ABORTED", "FAILED", "TIMED_OUT"})
_RESUMED, _DEFINITION, _VARIABLES = "cdpResumed", "cdpDefinition", "cdpVariables"
_DONE, _KEPT = "cdpDone", "cdpKept"
_lock = threading.Lock()

running: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("running")
"""The execution that this thread works for."""


def _end(execution: dict[str, Any], status: str, event: str, details: Mapping[str, Any]) -> bool:
    """End an execution, unless it has ended."""
    with _lock:
        if execution["status"] != "RUNNING":
            return False
        execution["status"] = status
    execution["stopDate"] = _responses.now_iso()
    _states._add_event(execution, event, {f"{event[0].lower()}{event[1:]}EventDetails": dict(details)})
    _states._emit_execution_status_event(execution)
    return True


def _fail(execution: dict[str, Any], error: str, cause: str) -> None:
    execution["error"], execution["cause"] = error, cause
    _end(execution, "FAILED", "ExecutionFailed", {"error": error, "cause": cause})


@patch("ministack.services.stepfunctions:_run_execution")
def _run(_original: Callable[..., None], arn: str) -> None:
    execution = _states._executions.get(arn)
    machine = _states._state_machines.get(execution["stateMachineArn"]) if execution else None
    if execution is None:
        return
    if machine is None and _DEFINITION not in execution:
        _fail(execution, "StateMachineDeleted", "State machine no longer exists")
        return
    running.set(execution)
    definition = json.loads(execution.setdefault(_DEFINITION, (machine or {}).get("definition")))
    timer = None
    if seconds := definition.get("TimeoutSeconds"):
        timer = threading.Timer(
            seconds, contextvars.copy_context().run, [_end, execution, "TIMED_OUT", "ExecutionTimedOut", {}]
        )
        timer.daemon = True
        timer.start()
    try:
        _walk(execution, definition)
    except _states._ExecutionError as error:
        _fail(execution, error.error, error.cause)
    except Exception as error:  # noqa: BLE001 - as MiniStack: a fault of the interpreter ends this execution only
        _fail(execution, "States.Runtime", str(error))
    finally:
        if timer is not None:
            timer.cancel()


def _walk(execution: dict[str, Any], definition: Mapping[str, Any]) -> None:
    """Run the states of the top level, from the first one or from the one that failed."""
    given = json.loads(execution["input"])
    name, value = execution.pop(_RESUMED, None) or (definition["StartAt"], given)
    context = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": given,
            "Name": execution["name"],
            "RedriveCount": execution.get("redriveCount", 0),
            "RoleArn": execution["events"][0]["executionStartedEventDetails"]["roleArn"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {
            "Id": execution["stateMachineArn"],
            "Name": execution["stateMachineArn"].rpartition(":")[2],
        },
        "variables": execution.setdefault(_VARIABLES, {}),
    }
    while name and execution["status"] == "RUNNING":
        state = definition["States"].get(name)
        if state is None:
            raise _states._ExecutionError("States.Runtime", f"State '{name}' not found in definition")
        kind = state["Type"]
        context["State"] = {"Name": name, "EnteredTime": _responses.now_iso(), "RetryCount": 0}
        execution[_DONE] = {}
        _entered(execution, kind, name, value)
        following = None
        if kind == "Fail":
            raise _states._ExecutionError(*_states._fail_state_error(state, value, context))
        if kind == "Succeed":
            value = _states._apply_input_path(state, value, context)
            value = _states._apply_output_path(state, value, context)
        elif kind in _OF_EXECUTION:
            value, following = getattr(_states, f"_execute_{kind.lower()}")(state, value, execution, context)
        else:
            value, following = getattr(_states, f"_execute_{kind.lower()}")(state, value, context)
        if execution["status"] == "RUNNING":
            details = {"name": name, "output": json.dumps(value)}
            _states._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": details})
        name = following
        execution.pop(_KEPT, None)
    if execution["status"] == "RUNNING":
        output = execution["output"] = json.dumps(value)
        if not _end(execution, "SUCCEEDED", "ExecutionSucceeded", {"output": output}):
            execution["output"] = None


def _entered(execution: dict[str, Any], kind: str, name: str, value: Any) -> None:
    details = {"name": name, "input": json.dumps(value)}
    _states._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": details})


@patch("ministack.services.stepfunctions:_run_sub_machine")
def _run_branch(
    original: Callable[..., Any],
    states: Any,
    start: str,
    value: Any,
    execution: dict[str, Any],
    context: Mapping[str, Any],
) -> Any:
    """Run a branch or an item, unless it succeeded before the execution was redriven."""
    place = (context.get("Map") or {}).get("Item", {}).get("Index")
    key = json.dumps([start, place, value], sort_keys=True)
    # The item of a distributed map is an execution of its own; what is kept is kept by the one that has the map.
    owner = _states._executions.get(context["Execution"]["Id"]) or execution
    kept = owner.get(_KEPT) or {}
    if key in kept:
        return kept.pop(key)
    result = original(states, start, value, execution, context)
    owner.setdefault(_DONE, {})[key] = result
    return result


def _redrive(request: Mapping[str, Any]) -> Any:
    arn = request.get("executionArn", "")
    execution = _states._executions.get(arn)
    if execution is None:
        return _responses.error_response_json("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400)
    machine = _states._state_machines.get(execution["stateMachineArn"]) or {}
    if execution["status"] not in _REDRIVABLE or machine.get("type") == "EXPRESS":
        message = f"Execution is {execution['status']} and cannot be redriven"
        return _responses.error_response_json("ExecutionNotRedrivable", message, 400)
    entered = [
        event["stateEnteredEventDetails"] for event in execution["events"] if "stateEnteredEventDetails" in event
    ]
    if entered:
        execution[_RESUMED] = (entered[-1]["name"], json.loads(entered[-1]["input"]))
    execution[_KEPT] = execution.get(_DONE) or {}
    for name in ("error", "cause"):
        execution.pop(name, None)
    redriven = _responses.now_iso()
    count = execution.get("redriveCount", 0) + 1
    execution.update(status="RUNNING", stopDate=None, output=None, redriveCount=count, redriveDate=redriven)
    _states._add_event(execution, "ExecutionRedriven", {"executionRedrivenEventDetails": {"redriveCount": count}})
    _states._emit_execution_status_event(execution)
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_states._run_execution, arn), daemon=True).start()
    return _responses.json_response({"redriveDate": redriven})


@patch("ministack.services.stepfunctions:handle_request")
async def _serve(
    original: Callable[..., Awaitable[Any]], method: str, path: str, headers: Mapping[str, str], body: Any, query: Any
) -> Any:
    if headers.get("x-amz-target", "").rpartition(".")[2] == "RedriveExecution":
        return _states._finalize_response(_redrive(json.loads(body or b"{}")))
    return await original(method, path, headers, body, query)


@patch("ministack.services.stepfunctions:_describe_execution")
def _describe(original: Callable[..., Any], request: Mapping[str, Any]) -> Any:
    status, headers, body = original(request)
    execution = _states._executions.get(request.get("executionArn", ""))
    if execution is None:
        return status, headers, body
    described = json.loads(body)
    described["redriveCount"] = execution.get("redriveCount", 0)
    described["redriveStatus"] = "REDRIVABLE" if execution["status"] in _REDRIVABLE else "NOT_REDRIVABLE"
    if "redriveDate" in execution:
        described["redriveDate"] = execution["redriveDate"]
    return _responses.json_response(described)
