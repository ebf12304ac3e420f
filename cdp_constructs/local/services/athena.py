"""Athena: a request about a query needs permission on the workgroup that it runs in, as on AWS.

Queries run on DuckDB if that is installed (extra `analytics`); without it MiniStack returns made-up results.
"""

import json
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

_athena: Any = ministack.module("services.athena", "_executions")


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Athena::NamedQuery",
        Api(
            service="athena",
            create="create_named_query",
            delete="delete_named_query",
            ref="Response.NamedQueryId",
            key={"NamedQueryId": "Id"},
            attributes={"NamedQueryId": "Id"},
            named="Name",
        ),
    ),
    resource_type(
        "AWS::Athena::DataCatalog",
        Api(
            service="athena",
            create="create_data_catalog",
            update="update_data_catalog",
            delete="delete_data_catalog",
            ref="Properties.Name",
            key={"Name": "Id"},
            replacing=("Name",),
        ),
    ),
)


def _query_of(body: bytes) -> str:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return ""
    return str(document.get("QueryExecutionId", "")) if isinstance(document, dict) else ""


@patch("ministack.core.iam_actions:extract_resource_arn")
def _workgroup_of_query(
    original: Callable[..., str],
    service: str,
    method: str,
    path: str,
    headers: Any,
    body: bytes,
    query: Any,
    region: str,
    account: str,
) -> str:
    arn = original(service, method, path, headers, body, query, region, account)
    if service == "athena" and arn == "*" and (name := _query_of(body)):
        execution = _athena._executions.get_scoped(account, region, name)
        if execution:
            return f"arn:aws:athena:{region}:{account}:workgroup/{execution['WorkGroup']}"
    return arn
