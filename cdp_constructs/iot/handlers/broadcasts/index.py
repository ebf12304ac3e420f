"""Sends a command to many devices: at once to those that are connected, or staged to each of them by a job.

Direct invocation:

    {"operation": "broadcast", "command", "arguments"?, "context"?, "expires_in"?}          -> {"session"}
    {"operation": "rollout", "command", "arguments"?, "context"?, "per_minute"?,
     "abort_percentage"?, "timeout_minutes"?}                                               -> {"job"}
    {"operation": "progress", "job"}                                                        -> {"status", "devices"}
    {"operation": "cancel", "job"}                                                          -> {"status"}

Without ``context`` the command is for every device. Both take a ``traceparent``, which devices get with the command;
without one, the session, or the end of the job's id, is the correlation id.
"""

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError, ParamValidationError

from correlation import TRACEPARENT, about, started, valid

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
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Do an operation; a mistake of the caller is answered with ``{"error"}``."""
    del context
    if not isinstance(event, dict):
        return {"error": "the event is an object with operation"}
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
    command: str,
    arguments: Any = None,
    context: str | None = None,
    expires_in: float = 60,
    traceparent: str | None = None,
) -> dict[str, Any]:
    """Publish a command for all devices of a context that are connected now."""
    target = _known(context)
    session, carried = _session(traceparent)
    request = {
        "session": session,
        "command": _command(command),
        "arguments": arguments or {},
        "expires_at": time.time() + expires_in,
        TRACEPARENT: carried,
    }
    with about(logger, carried):
        data.publish(topic=f"cmd/{environment.app}/{target}/{EVERYONE}/req", qos=1, payload=_json(request))
        logger.info("Broadcast sent", session=session, context=target, command=command)
    return {"session": session}


def rollout(
    command: str,
    arguments: Any = None,
    *,
    context: str | None = None,
    per_minute: int = 1000,
    abort_percentage: float = 20,
    timeout_minutes: int = 60,
    traceparent: str | None = None,
) -> dict[str, Any]:
    """Create a job for each device of a context, also for those that are not connected now."""
    target = _known(context)
    session, carried = _session(traceparent)
    job = f"{environment.job_prefix}-{session}"
    document = {"session": job, "command": _command(command), "arguments": arguments or {}, TRACEPARENT: carried}
    failures: list[Any] = [
        {
            "failureType": kind,
            "action": "CANCEL",
            "thresholdPercentage": float(abort_percentage),
            "minNumberOfExecutedThings": FEWEST_BEFORE_ABORT,
        }
        for kind in ("FAILED", "REJECTED", "TIMED_OUT")
    ]
    with about(logger, carried):
        iot.create_job(
            jobId=job,
            targets=[environment.groups[target]],
            document=_json(document),
            description=f"{command} for {target}",
            targetSelection="SNAPSHOT",
            jobExecutionsRolloutConfig={"maximumPerMinute": int(per_minute)},
            abortConfig={"criteriaList": failures},
            timeoutConfig={"inProgressTimeoutInMinutes": int(timeout_minutes)},
        )
        logger.info("Job created", job=job, context=target, command=command)
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


def _session(traceparent: str | None) -> tuple[str, str]:
    """Return a new session, and the ``traceparent`` of its command: the caller's, or one with the session as its id."""
    session = uuid.uuid4()
    if traceparent is None:
        return str(session), started(session.hex)
    known = valid(traceparent)
    if known is None:
        raise WrongRequestError("traceparent is one of W3C Trace Context, such as 00-<32 digits>-<16 digits>-01")
    return str(session), known


def _json(document: dict[str, Any]) -> str:
    """Return a document that devices can read.

    Raises:
        WrongRequestError: for a number that is not finite, and for half a surrogate pair.
    """
    try:
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        raise WrongRequestError("a number is not finite, or a text has half a character") from error
    return json.dumps(document)


def _command(command: Any) -> str:
    if not isinstance(command, str) or not command or not command.isprintable():
        raise WrongRequestError("command is a name such as measure")
    return command


def _own(job: Any) -> str:
    if not isinstance(job, str) or not job.startswith(f"{environment.job_prefix}-"):
        raise WrongRequestError("job is not one of this function's jobs")
    return job
