"""Commands: what a device can be asked to do, by a message or by a job."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_device.messages import encoded
from cdp_device.session import RejectedError, Session

logger = logging.getLogger(__name__)

Command = Callable[[Session, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Executes a command with its arguments and returns its result."""

_JOB_STATUS = {"succeeded": "SUCCEEDED", "failed": "FAILED"}
# https://docs.aws.amazon.com/iot/latest/developerguide/jobs-mqtt-https-api.html
_PASSING = {"InternalError", "RequestThrottled"}
# https://docs.aws.amazon.com/iot/latest/developerguide/jobs-limits.html
_LONGEST_REASON = 1024
_LONGEST_SESSION = 256


class NotPossibleError(Exception):
    """A command that the device cannot carry out; the message is for the operator."""


async def execute(commands: Mapping[str, Command], session: Session, request: Any) -> dict[str, Any]:
    """Execute a command and return the response: ``succeeded``, ``failed``, ``rejected`` or ``expired``.

    Args:
        commands: The commands by name.
        session: The connection that the command came by.
        request: ``{"session", "command", "arguments"?, "expires_at"?, "traceparent"?}``; anything else is rejected.
    """
    asked: dict[str, Any] = request if isinstance(request, dict) else {}
    response: dict[str, Any] = {"session": _text(asked.get("session"))}
    if traceparent := _text(asked.get("traceparent")):
        # By it the back end knows whose command this answers.
        response["traceparent"] = traceparent
    if not isinstance(asked.get("command"), str):
        return response | {"status": "rejected", "reason": "a command is an object with session and command"}
    expires_at = asked.get("expires_at")
    if isinstance(expires_at, int | float) and expires_at < time.time():
        return response | {"status": "expired", "reason": "it came too late"}
    command = commands.get(asked["command"])
    if command is None:
        return response | {"status": "rejected", "reason": f"unknown; there are {', '.join(sorted(commands))}"}
    try:
        result = await command(session, asked.get("arguments") or {})
        succeeded = response | {"status": "succeeded", "result": dict(result)}
        encoded(succeeded)
    except (NotPossibleError, RejectedError) as error:
        return response | {"status": "rejected", "reason": _readable(error)}
    except Exception as error:
        logger.exception("The command %s failed", asked["command"])
        return response | {"status": "failed", "reason": f"{type(error).__name__}: {_readable(error)}"}
    return succeeded


async def execute_jobs(commands: Mapping[str, Command], session: Session, jobs: str) -> None:
    """Execute jobs, one after the other, until there is none; a job's document is a command.

    A job whose outcome AWS IoT refuses, such as one that was cancelled meanwhile, is left to its timeout: it would be
    the next one again.

    Args:
        commands: The commands by name.
        session: The connection.
        jobs: ``$aws/things/<thing>/jobs``.

    Raises:
        RejectedError: AWS IoT is throttling, or fails.
    """
    while execution := (await session.ask(f"{jobs}/start-next", {})).get("execution"):
        response = await execute(commands, session, execution.get("jobDocument"))
        status = _JOB_STATUS.get(response["status"], "REJECTED")
        details = {"reason": str(response.get("reason", ""))[:_LONGEST_REASON]} if status != "SUCCEEDED" else {}
        try:
            await session.ask(f"{jobs}/{execution['jobId']}/update", {"status": status, "statusDetails": details})
        except RejectedError as error:
            if error.code in _PASSING:
                raise
            logger.warning("The outcome of job %s was not taken: %s", execution["jobId"], error)
            return


def _text(value: Any) -> str | None:
    """Return what a request is answered under: a text, which is not long."""
    return value if isinstance(value, str) and len(value) <= _LONGEST_SESSION else None


def _readable(error: Exception) -> str:
    """Return the text of an error as AWS IoT takes it as a job's detail: without control and format characters."""
    text = "".join(character if character.isprintable() else " " for character in str(error))
    return text[:_LONGEST_REASON]
