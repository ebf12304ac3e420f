"""IAM: clients that act under a role, for services that act on behalf of others."""

import functools
import secrets
from collections.abc import Mapping
from typing import Any

from cdp_constructs.local.clients.aws import Credentials
from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.sdk import clients, endpoint
from cdp_constructs.local.services.iam import service_roles

__all__ = ["client", "client_of_function", "credentials", "put_event", "queue_url", "trusts"]

_iam: Any = ministack.module("services.iam", "_roles")
_lambda_runtime: Any = ministack.module("core.lambda_runtime", "execution_credentials")
_responses: Any = ministack.module("core.responses", "request_scope")
_sts: Any = ministack.module("services.sts", "register_session")

_ASSUMING = frozenset({"sts:AssumeRole", "sts:*", "*"})


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
    return clients().get(service, region=region, credentials=credentials(role, session))


def client_of_function(service: str, config: dict[str, Any], region: str) -> Any:
    """Return a boto3 client of this server that acts under the role of a function."""
    given = _lambda_runtime.execution_credentials(config)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    key_id, secret, token = (given[name] for name in names)
    return clients().get(service, region=region, credentials=(key_id, secret, token))


def queue_url(arn: str) -> str:
    """Return the URL of a queue at this server; finding it needs no permission."""
    account, name = arn.split(":", 5)[4:]
    return f"{endpoint()}/{account}/{name}"


def put_event(events: Any, entry: Mapping[str, Any]) -> None:
    """Put one event.

    Args:
        events: A client of EventBridge.
        entry: The event; it names its bus.

    Raises:
        RuntimeError: EventBridge took the request and not the event.
    """
    answer = events.put_events(Entries=[entry])
    if answer.get("FailedEntryCount"):
        raise RuntimeError(str(answer["Entries"]))


def trusts(role: str, service: str) -> bool:
    """Whether a role exists and lets a service assume it.

    Args:
        role: ARN of the role.
        service: The principal, for example `apigateway.amazonaws.com`.
    """
    with _responses.request_scope(role.split(":")[4], None):
        found = _iam._roles.get(role.rpartition("/")[2]) or {}
    return service_roles.trusts(found, service, actions=_ASSUMING, regional=False)
