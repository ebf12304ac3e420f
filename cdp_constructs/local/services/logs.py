"""CloudWatch Logs: destinations of other accounts, and saved queries of Logs Insights."""

import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]

_responses: Any = ministack.module("core.responses")

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Logs::Destination",
        Api(
            service="logs",
            create="put_destination",
            update="put_destination",
            delete="delete_destination",
            ref="Properties.DestinationName",
            key={"destinationName": "Id"},
            attributes={"Arn": "arn:aws:logs:{Region}:{Account}:destination:{Id}"},
            replacing=("DestinationName",),
        ),
    ),
    resource_type(
        "AWS::Logs::QueryDefinition",
        Api(
            service="logs",
            create="put_query_definition",
            update="put_query_definition",
            delete="delete_query_definition",
            ref="Response.queryDefinitionId",
            key={"queryDefinitionId": "Id"},
            attributes={"QueryDefinitionId": "Id"},
        ),
    ),
)

_queries: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
"""Saved queries by id, by account and Region."""

_KEPT = ("name", "queryString", "logGroupNames", "queryLanguage")
_Request = Mapping[str, Any]


def _saved() -> dict[str, dict[str, Any]]:
    return _queries.setdefault((_responses.get_account_id(), _responses.get_region()), {})


def _put(request: _Request) -> Any:
    query_id = request.get("queryDefinitionId")
    if query_id is None:
        query_id = str(uuid.uuid4())
    elif query_id not in _saved():
        return _missing()
    kept = {name: request[name] for name in _KEPT if name in request}
    now = int(time.time() * 1000)
    _saved()[query_id] = {"queryLanguage": "CWLI", **kept, "queryDefinitionId": query_id, "lastModified": now}
    return _responses.json_response({"queryDefinitionId": query_id})


def _describe(request: _Request) -> Any:
    prefix = request.get("queryDefinitionNamePrefix", "")
    found = [query for query in _saved().values() if query["name"].startswith(prefix)]
    return _responses.json_response({"queryDefinitions": sorted(found, key=lambda query: str(query["name"]))})


def _delete(request: _Request) -> Any:
    if _saved().pop(request.get("queryDefinitionId", ""), None) is None:
        return _missing()
    return _responses.json_response({"success": True})


def _missing() -> Any:
    return _responses.error_response_json("ResourceNotFoundException", "There is no such query definition", 400)


_OPERATIONS: Mapping[str, Callable[[_Request], Any]] = {
    "PutQueryDefinition": _put,
    "DescribeQueryDefinitions": _describe,
    "DeleteQueryDefinition": _delete,
}


@patch("ministack.services.cloudwatch_logs:handle_request")
async def _handle(
    original: Callable[..., Awaitable[Any]], method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
) -> Any:
    operation = _OPERATIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if operation is None:
        return await original(method, path, headers, body, query)
    return operation(json.loads(body or b"{}"))
