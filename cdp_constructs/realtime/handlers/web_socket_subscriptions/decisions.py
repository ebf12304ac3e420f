"""Asks the function that a namespace names whether a user may subscribe to a channel, as AppSync Events would."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from pydantic_core import from_json

from ..channels.grammar import segments_of

logger = Logger(child=True)


class RefusedError(Exception):
    """The user may not have the channel; the message goes to the client."""


class SubscribeHandlers:
    """The functions that decide, by namespace.

    Args:
        arns: ARN by namespace.
        config: Timeouts and retries.
    """

    def __init__(self, arns: Mapping[str, str], config: Config) -> None:
        self._arns = arns
        self.functions = boto3.client("lambda", config=config)

    def check(self, channel: str, request: dict[str, Any]) -> None:
        """Return when the user of a request may subscribe to a channel.

        Raises:
            RefusedError: when the user may not, or it could not be decided.
        """
        function = self._arns.get(segments_of(channel)[0])
        if function is None:
            raise RefusedError("There is no such channel")
        answer = self.functions.invoke(FunctionName=function, Payload=json.dumps(_question(channel, request)))
        decision = from_json(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            logger.error("The subscribe handler failed", channel=channel, answer=decision)
            raise RefusedError("The subscription could not be checked")
        if isinstance(decision, dict) and decision.get("error"):
            raise RefusedError(decision["error"])


def _question(channel: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the event that AppSync Events sends to a handler of subscriptions."""
    user, segments = request["authorizer"], segments_of(channel)
    return {
        "identity": {
            "sub": user["sub"],
            "username": user["username"],
            "issuer": user["issuer"],
            "claims": from_json(user["claims"]),
            "sourceIp": [request["identity"]["sourceIp"]],
        },
        "result": None,
        "request": {"headers": {}, "domainName": None},
        "info": {
            "channel": {"path": channel, "segments": segments},
            "channelNamespace": {"name": segments[0]},
            "operation": "SUBSCRIBE",
        },
        "error": None,
        "prev": None,
        "stash": {},
        "outErrors": [],
        "events": None,
    }
