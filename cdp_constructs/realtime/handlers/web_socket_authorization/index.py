"""Lets users with a valid token of a Cognito user pool connect to a WebSocket API.

Browsers cannot set headers of a WebSocket, and addresses end up in logs, so the token comes as a sub-protocol:
``channels, token-<JWT>``. It is verified here, with the pool's public keys: Cognito itself answers at most 120 requests
a second.
"""

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from .environment import Environment
from .keys import PublicKeys
from .tokens import UnauthorizedError, verified

logger = Logger()
environment = Environment.read()
keys = PublicKeys(environment.keys_url)

_PREFIX = "token-"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the policy that lets the user connect or not, and who it is."""
    del context
    try:
        claims = verified(token_in(event.get("headers") or {}), environment, keys)
    except UnauthorizedError as error:
        logger.warning("Refused", reason=str(error), ip=event["requestContext"]["identity"]["sourceIp"])
        return policy("nobody", "Deny", event["methodArn"], {})
    user = {
        "sub": claims["sub"],
        "username": claims.get("username") or claims.get("cognito:username", ""),
        "issuer": claims["iss"],
        "claims": json.dumps(claims),
    }
    logger.info("Connected", user=user["sub"], connection=event["requestContext"]["connectionId"])
    return policy(claims["sub"], "Allow", event["methodArn"], user)


def token_in(headers: dict[str, str]) -> str:
    """Return the token among the sub-protocols that a client offers.

    Raises:
        UnauthorizedError: when there is none.
    """
    offered = next((value for name, value in headers.items() if name.lower() == "sec-websocket-protocol"), "")
    for protocol in offered.split(","):
        if protocol.strip().startswith(_PREFIX):
            return protocol.strip().removeprefix(_PREFIX)
    raise UnauthorizedError("no token")


def policy(principal: str, effect: str, arn: str, context: dict[str, str]) -> dict[str, Any]:
    """Return the answer of a Lambda authorizer."""
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": principal, "policyDocument": document, "context": context}
