"""Athena: a request about a query needs permission on the workgroup that it runs in, as on AWS.

Queries run on DuckDB if that is installed (extra `analytics`); without it MiniStack returns made-up results.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.resources import Request, resource_of
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType
from cdp_constructs.local.kit.validation import InvalidValueError, validate

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


@resource_of("athena")
def _workgroup_of_query(known: Callable[[bytes], str], request: Request) -> str:
    arn = known(request.body)
    if arn == "*" and (name := _query_of(request.body)):
        execution = _athena._executions.get_scoped(request.account, request.region, name)
        if execution:
            return f"arn:aws:athena:{request.region}:{request.account}:workgroup/{execution['WorkGroup']}"
    return arn


_MOST_BYTES = 262_144


@validate(requests={"athena": ("StartQueryExecution",)})
def _length(values: Mapping[str, Any]) -> None:
    if len(values["QueryString"].encode()) > _MOST_BYTES:
        raise InvalidValueError("InvalidRequestException", f"The query has more than {_MOST_BYTES} bytes.")
