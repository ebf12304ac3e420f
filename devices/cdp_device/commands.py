"""Commands: what a device can be asked to do, by a message or by a job."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_device.session import RejectedError, Session

logger = logging.getLogger(__name__)

Command = Callable[[Session, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Executes a command with its arguments and returns its result."""

_JOB_STATUS = {"succeeded": "SUCCEEDED", "failed": "FAILED"}
# https://docs.aws.amazon.com/iot/latest/developerguide/jobs-limits.html
_LONGEST_REASON = 1024


class NotPossibleError(Exception):
    """A command that the device cannot carry out; the message is for the operator."""


async def execute(commands: Mapping[str, Command], session: Session, request: Any) -> dict[str, Any]:
    """Execute a command and return the response: ``succeeded``, ``failed``, ``rejected`` or ``expired``.

    Args:
        commands: The commands by name.
        session: The connection that the command came by.
        request: ``{"session", "command", "arguments"?, "expires_at"?, "traceparent"?}``; anything else is rejected.
    """
    response: dict[str, Any] = {"session": request.get("session") if isinstance(request, dict) else None}
    if isinstance(request, dict) and "traceparent" in request:
        # By it the back end knows whose command this answers.
        response["traceparent"] = request["traceparent"]
    if not isinstance(request, dict) or not isinstance(request.get("command"), str):
        return response | {"status": "rejected", "reason": "a command is an object with session and command"}
    expires_at = request.get("expires_at")
    if isinstance(expires_at, int | float) and expires_at < time.time():
        return response | {"status": "expired", "reason": "it came too late"}
    command = commands.get(request["command"])
    if command is None:
        return response | {"status": "rejected", "reason": f"unknown; there are {', '.join(sorted(commands))}"}
    try:
        result = await command(session, request.get("arguments") or {})
    except (NotPossibleError, RejectedError) as error:
        return response | {"status": "rejected", "reason": str(error)}
    except Exception as error:
        logger.exception("The command %s failed", request["command"])
        return response | {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    return response | {"status": "succeeded", "result": dict(result)}


async def execute_jobs(commands: Mapping[str, Command], session: Session, jobs: str) -> None:
    """Execute jobs, one after the other, until there is none; a job's document is a command.

    Args:
        commands: The commands by name.
        session: The connection.
        jobs: ``$aws/things/<thing>/jobs``.
    """
    while execution := (await session.ask(f"{jobs}/start-next", {})).get("execution"):
        response = await execute(commands, session, execution["jobDocument"])
        status = _JOB_STATUS.get(response["status"], "REJECTED")
        details = {"reason": str(response.get("reason", ""))[:_LONGEST_REASON]} if status != "SUCCEEDED" else {}
        await session.ask(f"{jobs}/{execution['jobId']}/update", {"status": status, "statusDetails": details})
