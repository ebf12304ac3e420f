"""IAM: clients that act under a role, for services that act on behalf of others."""

import functools
import json
import os
import secrets
from typing import Any

from cdp_constructs.local.clients.aws import Clients, Credentials
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.root import root_key

__all__ = ["client", "client_of_function", "credentials", "trusts"]

_iam: Any = ministack.module("services.iam", "_roles")
_lambda_runtime: Any = ministack.module("core.lambda_runtime", "execution_credentials")
_responses: Any = ministack.module("core.responses", "request_scope")
_sts: Any = ministack.module("services.sts", "register_session")


@functools.cache
def _clients() -> Clients:
    return Clients(f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '4566')}", root_key())


@functools.cache
def credentials(role: str, session: str) -> Credentials:
    """Return the credentials of a session of a role, the same ones for the same arguments.

    Args:
        role: ARN of the role.
        session: Name of the session, for example that of the service.
    """
    account, name = role.split(":")[4], role.rpartition("/")[2]
    key_id, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(64)
    _sts.register_session(
        key_id,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            "UserId": f"{name}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    return key_id, secret, token


def client(service: str, role: str, session: str, region: str) -> Any:
    """Return a boto3 client of this server that acts under a role, so that IAM is evaluated."""
    return _clients().get(service, region=region, credentials=credentials(role, session))


def client_of_function(service: str, config: dict[str, Any], region: str) -> Any:
    """Return a boto3 client of this server that acts under the role of a function."""
    given = _lambda_runtime.execution_credentials(config)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    key_id, secret, token = (given[name] for name in names)
    return _clients().get(service, region=region, credentials=(key_id, secret, token))


def trusts(role: str, service: str) -> bool:
    """Whether a role exists and lets a service assume it.

    Args:
        role: ARN of the role.
        service: The principal, for example `apigateway.amazonaws.com`.
    """
    with _responses.request_scope(role.split(":")[4], None):
        found = _iam._roles.get(role.rpartition("/")[2]) or {}
    policy = found.get("AssumeRolePolicyDocument") or "{}"
    given = (json.loads(policy) if isinstance(policy, str) else policy).get("Statement", [])
    statements = given if isinstance(given, list) else [given]
    return any(_lets(statement, service) for statement in statements)


def _lets(statement: Any, service: str) -> bool:
    principal = statement.get("Principal")
    named = principal.get("Service", []) if isinstance(principal, dict) else principal
    principals = [named] if isinstance(named, str) else list(named or [])
    actions = statement.get("Action", [])
    names = [actions] if isinstance(actions, str) else list(actions)
    allowed = bool({"sts:AssumeRole", "sts:*", "*"} & set(names))
    return statement.get("Effect") == "Allow" and allowed and bool({service, "*"} & set(principals))
