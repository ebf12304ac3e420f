"""One step of a transition: moves a share of the users, looks whether all is well, or takes everybody back.

A step function calls it with what its definition says: ``move``, ``look`` or ``back``. An error of it takes everybody
back. Environment: ``TARGET`` (see ``weights``), ``ALARMS`` (JSON, names), ``INTERVAL_SECONDS``, ``NAME`` of the
transition and, where somebody is told, ``TOPIC_ARN``.
"""

import json
import os
import time
from typing import Annotated, Any, Literal

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from . import weights

LONGEST_SUBJECT, LONGEST_CAUSE = 100, 2000
logger = Logger()
Share = Annotated[int, Field(ge=0, le=100)]


class AlarmError(Exception):
    """An alarm is raised, or is not there."""


class ChangedError(Exception):
    """Somebody else has changed the weights."""


class Step(BaseModel):
    """What the definition asks for."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    action: Literal["move", "look", "back"]
    share: Share = 0
    """Of the users, in percent, that are to be on the replacement, or that are believed to be there."""
    after: Share = 0
    """Their share before the step."""
    until: float = 0
    """When the step is over, in seconds since 1970."""
    error: dict[str, Any] = Field(default_factory=dict)
    """Why everybody goes back: what Step Functions has caught, mostly with ``Error`` and ``Cause``."""


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Do one step; the same again changes nothing."""
    step = Step.model_validate(event)
    if step.action == "back":
        return back(step)
    check_alarms(json.loads(os.environ["ALARMS"]))
    return move(step) if step.action == "move" else look(step)


def move(step: Step) -> dict[str, Any]:
    """Move a share of the users, unless it is done already."""
    found = weights.read()
    if found not in {step.after, step.share}:
        raise ChangedError(f"{found} % were on the replacement, and not {step.after} %")
    if found != step.share:
        weights.write(step.share)
    tell(f"{step.share} % of the users are on the replacement", "The next step, or the way back, follows by itself.")
    return {"share": step.share, "until": time.time() + int(os.environ["INTERVAL_SECONDS"])}


def look(step: Step) -> dict[str, Any]:
    """Look whether the weights are as they were left, and tell whether the step is over."""
    found = weights.read()
    if found != step.share:
        raise ChangedError(f"{found} % were on the replacement, and not {step.share} %")
    over = time.time() >= step.until
    if over and step.share == weights.EVERYBODY:
        tell("the transition is complete", "Write completed=True into the app and deploy it.")
    return {"share": step.share, "until": step.until, "over": over}


def back(step: Step) -> dict[str, Any]:
    """Take everybody back."""
    if weights.read() != 0:
        weights.write(0)
    cause = readable(step.error)
    logger.warning("everybody is back", cause=cause)
    tell("all users are back on the current system", f"Reason: {cause}")
    return {"share": 0}


def check_alarms(names: list[str]) -> None:
    """Refuse to go on while an alarm is raised.

    Raises:
        AlarmError: naming them.
    """
    described = weights.client("cloudwatch").describe_alarms(
        AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    every = (*described["MetricAlarms"], *described["CompositeAlarms"])
    states = {one["AlarmName"]: str(one["StateValue"]) for one in every}
    if raised := [name for name in names if states.get(name, "missing") in {"ALARM", "missing"}]:
        raise AlarmError(", ".join(f"{name} is {states.get(name, 'missing')}" for name in raised))


def readable(error: dict[str, Any]) -> str:
    """Return the message of an error, which Lambda wraps in JSON."""
    if not error:
        return "somebody asked for it"
    cause = as_text(error.get("Cause", ""))
    try:
        wrapped = from_json(cause, allow_inf_nan=False)
    except ValueError:
        wrapped = None
    message = as_text(wrapped.get("errorMessage", cause)) if isinstance(wrapped, dict) else cause
    return f"{as_text(error.get('Error'))}: {message}"[:LONGEST_CAUSE]


def as_text(value: object) -> str:
    """Return a value as text that can be encoded: halves of surrogate pairs are replaced."""
    return str(value).encode(errors="replace").decode()


def tell(what: str, more: str) -> None:
    """Publish a notice: JSON, with a subject that people read."""
    logger.info(what)
    topic, name = os.environ.get("TOPIC_ARN"), os.environ["NAME"]
    if topic:
        notice = {"transition": name, "notice": what, "more": more}
        subject = f"{name}: {what}"[:LONGEST_SUBJECT]
        weights.client("sns").publish(TopicArn=topic, Subject=subject, Message=json.dumps(notice))
