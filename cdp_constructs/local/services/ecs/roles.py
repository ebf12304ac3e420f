"""ECS: what containers ask at the addresses that they are told: credentials of the task's role, and its metadata.

Neither request is signed: who knows the address may ask.
"""

import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.callers import remember_caller
from cdp_constructs.local.kit.patch import patch

_metadata: Any = ministack.module("services.ecs_metadata", "handle_request")
_sts: Any = ministack.module("services.sts", "register_session")

_PATH = "/v2/credentials/"
_METADATA = re.compile(r"/v4/[A-Za-z0-9_-]{43}(/.*)?")
"""A path with a token of 32 bytes, which nobody guesses."""
_SECONDS = 6 * 3600
_tasks: dict[str, tuple[str, str, str]] = {}
"""By the last part of the address: the token that must come with a request, the role and the task."""


@patch("ministack.services.ecs:_register_metadata")
def _addressed(
    original: Callable[..., str],
    task: str,
    cluster: str,
    definition: Any,
    container: Any,
    launch_type: str,
    variables: dict[str, str],
    *others: Any,
) -> str:
    metadata_token = original(task, cluster, definition, container, launch_type, variables, *others)
    variables["AWS_REGION"] = variables["AWS_DEFAULT_REGION"] = task.split(":")[3]
    variables["AWS_EXECUTION_ENV"] = "AWS_ECS_FARGATE" if launch_type == "FARGATE" else "AWS_ECS_EC2"
    role = definition.get("taskRoleArn")
    if role:
        key = variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"].rpartition("/")[2]
        _tasks[key] = (variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"], role, task)
    else:
        del variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"], variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    return metadata_token


def _credentials(role: str, task: str) -> dict[str, str]:
    account, name, session = role.split(":")[4], role.rpartition("/")[2], task.rpartition("/")[2]
    key_id, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(64)
    _sts.register_session(
        key_id,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            "UserId": f"{name}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": time.time() + _SECONDS,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    remember_caller(key_id, task.split(":")[3])
    expiration = datetime.fromtimestamp(time.time() + _SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"AccessKeyId": key_id, "SecretAccessKey": secret, "Token": token, "Expiration": expiration, "RoleArn": role}


@patch("ministack.app:_handle_post_body_shortcuts")
async def _serve(original: Callable[..., Awaitable[Any]], method: str, path: str, headers: Any, *others: Any) -> Any:
    if _METADATA.fullmatch(path):
        return await _metadata.handle_request(method, path, headers, b"", {})
    if not path.startswith(_PATH):
        return await original(method, path, headers, *others)
    token, role, task = _tasks.get(path.removeprefix(_PATH), ("", "", ""))
    given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
    if not token or not secrets.compare_digest(given.encode(), token.encode()):
        return 401, {"Content-Type": "application/json"}, b'{"message": "not the token of a task"}'
    return 200, {"Content-Type": "application/json"}, json.dumps(_credentials(role, task)).encode()
