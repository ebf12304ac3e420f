"""Tells many devices something: at once to those that are there, or staged, to each of them, by a job.

Direct invocation:

    {"operation": "broadcast", "command", "arguments"?, "context"?, "expires_in"?}          -> {"session"}
    {"operation": "rollout", "command", "arguments"?, "context"?, "per_minute"?,
     "abort_percentage"?, "timeout_minutes"?}                                               -> {"job"}
    {"operation": "progress", "job"}                                                        -> {"status", "devices"}
    {"operation": "cancel", "job"}                                                          -> {"status"}

Without ``context`` everyone is meant.
"""

import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

if TYPE_CHECKING:
    from collections.abc import Callable

logger = Logger()
tracer = Tracer()
iot = boto3.client("iot")
data = boto3.client("iot-data")

EVERYONE = "all"
FEWEST_BEFORE_ABORT = 5
COUNTS = ("Queued", "InProgress", "Succeeded", "Failed", "Rejected", "TimedOut", "Canceled", "Removed")


class WrongRequestError(Exception):
    """The caller's mistake, in words for the caller."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do an operation; a mistake of the caller is answered with ``{"error"}``."""
    del context
    operations: dict[str, Callable[..., dict[str, Any]]]
    operations = {"broadcast": broadcast, "rollout": rollout, "progress": progress, "cancel": cancel}
    operation = operations.get(str(event.get("operation")))
    if operation is None:
        return {"error": f"operation is one of {', '.join(operations)}"}
    try:
        return operation(**{name: value for name, value in event.items() if name != "operation"})
    except (WrongRequestError, TypeError) as error:
        return {"error": str(error)}


def broadcast(
    command: str, arguments: Any = None, context: str | None = None, expires_in: float = 60
) -> dict[str, Any]:
    """Publish a command for all devices of a context that are connected now."""
    target = _known(context)
    session = str(uuid.uuid4())
    request = {
        "session": session,
        "command": _command(command),
        "arguments": arguments or {},
        "expires_at": time.time() + expires_in,
    }
    data.publish(topic=f"cmd/{os.environ['APP']}/{target}/{EVERYONE}/req", qos=1, payload=json.dumps(request))
    return {"session": session}


def rollout(
    command: str,
    arguments: Any = None,
    *,
    context: str | None = None,
    per_minute: int = 1000,
    abort_percentage: float = 20,
    timeout_minutes: int = 60,
) -> dict[str, Any]:
    """Make a job of a command for each device of a context, also for those that are away now."""
    target = _known(context)
    job = f"{os.environ['JOB_PREFIX']}-{uuid.uuid4()}"
    failures: list[Any] = [
        {
            "failureType": kind,
            "action": "CANCEL",
            "thresholdPercentage": float(abort_percentage),
            "minNumberOfExecutedThings": FEWEST_BEFORE_ABORT,
        }
        for kind in ("FAILED", "REJECTED", "TIMED_OUT")
    ]
    iot.create_job(
        jobId=job,
        targets=[json.loads(os.environ["GROUPS"])[target]],
        document=json.dumps({"session": job, "command": _command(command), "arguments": arguments or {}}),
        description=f"{command} for {target}",
        targetSelection="SNAPSHOT",
        jobExecutionsRolloutConfig={"maximumPerMinute": int(per_minute)},
        abortConfig={"criteriaList": failures},
        timeoutConfig={"inProgressTimeoutInMinutes": int(timeout_minutes)},
    )
    return {"job": job}


def progress(job: str) -> dict[str, Any]:
    """Tell how many devices have done it."""
    found = iot.describe_job(jobId=_own(job))["job"]
    details = found.get("jobProcessDetails", {})
    return {"status": found["status"], "devices": {name: details.get(f"numberOf{name}Things", 0) for name in COUNTS}}


def cancel(job: str) -> dict[str, Any]:
    """Stop a job for the devices that have not begun."""
    iot.cancel_job(jobId=_own(job), comment="by an operator")
    return {"status": "CANCELED"}


def _known(context: str | None) -> str:
    target = context or EVERYONE
    groups = json.loads(os.environ["GROUPS"])
    if target not in groups:
        raise WrongRequestError(f"context {context!r} is none of {', '.join(sorted(set(groups) - {EVERYONE}))}")
    return target


def _command(command: Any) -> str:
    if not isinstance(command, str) or not command:
        raise WrongRequestError("command is a name such as measure")
    return command


def _own(job: Any) -> str:
    if not isinstance(job, str) or not job.startswith(f"{os.environ['JOB_PREFIX']}-"):
        raise WrongRequestError("job is none of this broadcast's")
    return job
