"""Sends a command to many devices: at once to those that are connected, or staged to each of them by a job.

Direct invocation:

    {"operation": "broadcast", "command", "arguments"?, "context"?, "expires_in"?}          -> {"session"}
    {"operation": "rollout", "command", "arguments"?, "context"?, "per_minute"?,
     "abort_percentage"?, "timeout_minutes"?}                                               -> {"job"}
    {"operation": "progress", "job"}                                                        -> {"status", "devices"}
    {"operation": "cancel", "job"}                                                          -> {"status"}

Without ``context`` the command is for every device.
"""

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError, ParamValidationError

from .environment import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

logger = Logger()
environment = Environment.read()
iot = boto3.client("iot")
data = boto3.client("iot-data")

EVERYONE = "all"
# What AWS IoT answers to values that it does not take, or to a job that does not exist.
REFUSALS = {"InvalidRequestException", "RequestEntityTooLargeException", "ResourceNotFoundException"}
FEWEST_BEFORE_ABORT = 5
COUNTS = ("Queued", "InProgress", "Succeeded", "Failed", "Rejected", "TimedOut", "Canceled", "Removed")


class WrongRequestError(Exception):
    """A mistake of the caller; the message is for the caller."""


@logger.inject_lambda_context
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
    except (WrongRequestError, TypeError, ValueError, OverflowError, ParamValidationError) as error:
        return {"error": str(error)}
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSALS:
            raise
        return {"error": error.response["Error"]["Message"]}


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
    data.publish(
        topic=f"cmd/{environment.app}/{target}/{EVERYONE}/req", qos=1, payload=json.dumps(request, allow_nan=False)
    )
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
    """Create a job for each device of a context, also for those that are not connected now."""
    target = _known(context)
    job = f"{environment.job_prefix}-{uuid.uuid4()}"
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
        targets=[environment.groups[target]],
        document=json.dumps(
            {"session": job, "command": _command(command), "arguments": arguments or {}}, allow_nan=False
        ),
        description=f"{command} for {target}",
        targetSelection="SNAPSHOT",
        jobExecutionsRolloutConfig={"maximumPerMinute": int(per_minute)},
        abortConfig={"criteriaList": failures},
        timeoutConfig={"inProgressTimeoutInMinutes": int(timeout_minutes)},
    )
    return {"job": job}


def progress(job: str) -> dict[str, Any]:
    """Return how many devices have executed a job."""
    found = iot.describe_job(jobId=_own(job))["job"]
    details = found.get("jobProcessDetails", {})
    return {"status": found["status"], "devices": {name: details.get(f"numberOf{name}Things", 0) for name in COUNTS}}


def cancel(job: str) -> dict[str, Any]:
    """Cancel a job for the devices that have not started it."""
    iot.cancel_job(jobId=_own(job), comment="by an operator")
    return {"status": "CANCELED"}


def _known(context: str | None) -> str:
    target = context or EVERYONE
    if target not in environment.groups:
        known = ", ".join(sorted(set(environment.groups) - {EVERYONE}))
        raise WrongRequestError(f"context {context!r} is none of {known}")
    return target


def _command(command: Any) -> str:
    if not isinstance(command, str) or not command:
        raise WrongRequestError("command is a name such as measure")
    return command


def _own(job: Any) -> str:
    if not isinstance(job, str) or not job.startswith(f"{environment.job_prefix}-"):
        raise WrongRequestError("job is not one of this function's jobs")
    return job
