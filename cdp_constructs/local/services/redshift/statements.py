"""The Redshift Data API: statements run in the background, and are asked for by their id.

It is what `redshift-data` answers for workgroups of Redshift Serverless; clusters are not there. The caller needs
`redshift-serverless:GetCredentials` as well, and sees the states and results of its own statements.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.json_service import Caller, ServiceError, json_service
from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.resources import Request, resource_of
from cdp_constructs.local.services.iam.evaluation import role_allows
from cdp_constructs.local.services.redshift import workgroups
from cdp_constructs.local.services.redshift.databases import Result, SqlError, run

_concurrency: Any = ministack.module("core.concurrency", "spawn_background")
_events: Any = ministack.module("services.eventbridge", "_put_events")
_responses: Any = ministack.module("core.responses")

_ROLE = "assumed-role"


@dataclass
class _Statement:
    """A request to run SQL, and what became of it."""

    owner: Caller
    workgroup: str
    database: str
    sqls: Sequence[str]
    is_batch: bool
    name: str
    with_event: bool
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    status: str = "SUBMITTED"
    error: str = ""
    results: Sequence[Result] = ()

    def become(self, status: str) -> None:
        self.status, self.updated = status, time.time()


_statements: dict[str, _Statement] = {}


def _workgroup(request: Mapping[str, Any]) -> workgroups.Workgroup:
    name = request.get("WorkgroupName", "")
    if not name:
        raise ServiceError("ValidationException", "Give WorkgroupName: the embedded cloud has no Redshift clusters.")
    found = workgroups.find(_responses.get_account_id(), _responses.get_region(), name.rpartition("/")[2])
    if found is None:
        raise ServiceError("ValidationException", f"Redshift endpoint doesn't exist in this region: {name}")
    return found


def _let_in(caller: Caller, workgroup: workgroups.Workgroup) -> None:
    """Refuse a role that may not get credentials of the workgroup: the Data API gets them in its name."""
    kind, _, rest = caller.arn.rpartition(":")[2].partition("/")
    if kind != _ROLE:
        return
    role, _, session = rest.partition("/")
    action = "redshift-serverless:GetCredentials"
    if not role_allows(f"arn:aws:iam::{_responses.get_account_id()}:role/{role}", session, action, workgroup.arn):
        message = f"User: {caller.arn} is not authorized to perform: {action} on resource: {workgroup.arn}"
        raise ServiceError("AccessDeniedException", message)


def _publish(statement: _Statement, workgroup: workgroups.Workgroup) -> None:
    detail = {
        "principal": statement.owner.arn,
        "statementId": statement.identifier,
        "statementName": statement.name,
        "workgroupName": statement.workgroup,
        "database": statement.database,
        "state": statement.status,
        **({"errorMessage": statement.error} if statement.error else {}),
        "rows": sum(len(result.rows) for result in statement.results),
        "expireAt": int(statement.created) + 24 * 3600,
    }
    entry = {
        "Source": "aws.redshift-data",
        "DetailType": "Redshift Data Statement Status Change",
        "Detail": json.dumps(detail),
        "Resources": [workgroup.arn],
    }
    _events._put_events({"Entries": [entry]}, allow_aws_source=True)


def _work(statement: _Statement, workgroup: workgroups.Workgroup, parameters: Mapping[str, str]) -> None:
    statement.become("STARTED")
    try:
        statement.results = run(workgroup, statement.database, statement.sqls, parameters)
    except SqlError as error:
        statement.error = str(error)
        statement.become("FAILED")
    except Exception as error:
        statement.error = f"ERROR: {error}"
        statement.become("FAILED")
        raise
    else:
        statement.become("FINISHED")
    finally:
        if statement.with_event:
            _publish(statement, workgroup)


def _start(request: Mapping[str, Any], caller: Caller, sqls: Sequence[str], *, is_batch: bool) -> Mapping[str, Any]:
    if not find_spec("duckdb"):
        raise ServiceError("InternalServerException", "Redshift's SQL runs on DuckDB: install the extra analytics.")
    workgroup = _workgroup(request)
    _let_in(caller, workgroup)
    statement = _Statement(
        owner=caller,
        workgroup=request["WorkgroupName"],
        database=request.get("Database", workgroup.database),
        sqls=sqls,
        is_batch=is_batch,
        name=request.get("StatementName", ""),
        with_event=request.get("WithEvent", False),
    )
    _statements[statement.identifier] = statement
    parameters = {one["name"]: one["value"] for one in request.get("Parameters") or ()}
    _concurrency.spawn_background(_work, statement, workgroup, parameters, thread_name="redshift-data")
    return {
        "Id": statement.identifier,
        "CreatedAt": statement.created,
        "Database": statement.database,
        "WorkgroupName": statement.workgroup,
    }


def _find(request: Mapping[str, Any], caller: Caller) -> tuple[_Statement, int | None]:
    """Return a statement, and the number of the part that is asked for; one sees one's own statements only."""
    identifier, _, part = request["Id"].partition(":")
    statement = _statements.get(identifier)
    if statement is None or (statement.owner != caller and _ROLE in caller.arn):
        raise ServiceError("ResourceNotFoundException", f"Query {identifier} does not exist.")
    return statement, int(part) - 1 if part else None


def _described(statement: _Statement) -> dict[str, Any]:
    description: dict[str, Any] = {
        "Id": statement.identifier,
        "Status": statement.status,
        "Database": statement.database,
        "WorkgroupName": statement.workgroup,
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated,
        "Duration": int((statement.updated - statement.created) * 1_000_000_000),
        "HasResultSet": any(result.columns for result in statement.results),
        "StatementName": statement.name,
    }
    if statement.error:
        description["Error"] = statement.error
    if not statement.is_batch:
        [result] = statement.results or [Result()]
        rows = len(result.rows) if result.columns else result.changed
        return {**description, "QueryString": statement.sqls[0], "ResultRows": rows}
    parts = [
        {
            "Id": f"{statement.identifier}:{number}",
            "QueryString": sql,
            "Status": statement.status if statement.status != "SUBMITTED" else "STARTED",
            "HasResultSet": bool(result.columns),
            "ResultRows": len(result.rows) if result.columns else result.changed,
            "CreatedAt": statement.created,
            "UpdatedAt": statement.updated,
        }
        for number, (sql, result) in enumerate(
            zip(statement.sqls, statement.results or [Result()] * len(statement.sqls), strict=True), start=1
        )
    ]
    return {**description, "SubStatements": parts}


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return {"stringValue": moment.isoformat(sep=" ")}
    return {"stringValue": str(value)}


def _result(statement: _Statement, part: int | None) -> dict[str, Any]:
    if statement.status != "FINISHED":
        message = f"Query {statement.identifier} is {statement.status} and has no result."
        raise ServiceError("ResourceNotFoundException", message)
    result = statement.results[part or 0]
    if not result.columns:
        raise ServiceError("ResourceNotFoundException", "Query does not have result. Please check query status.")
    return {
        "Records": [[_field(value) for value in row] for row in result.rows],
        "ColumnMetadata": [{"name": name, "label": name, "typeName": kind.lower()} for name, kind in result.columns],
        "TotalNumRows": len(result.rows),
    }


@json_service("redshift-data", target="RedshiftData")
def _serve(operation: str, request: dict[str, Any], caller: Caller) -> Mapping[str, Any]:
    if operation == "ExecuteStatement":
        return _start(request, caller, [request["Sql"]], is_batch=False)
    if operation == "BatchExecuteStatement":
        return _start(request, caller, request["Sqls"], is_batch=True)
    if operation == "DescribeStatement":
        return _described(_find(request, caller)[0])
    if operation == "GetStatementResult":
        return _result(*_find(request, caller))
    if operation == "ListStatements":
        own = [one for one in _statements.values() if one.owner == caller or _ROLE not in caller.arn]
        wanted = [one for one in own if request.get("StatementName", "") in one.name]
        newest = sorted(wanted, key=lambda one: one.created, reverse=True)
        return {"Statements": [{**_described(one), "QueryStrings": list(one.sqls)} for one in newest]}
    raise ServiceError("ValidationException", f"The embedded cloud does not have {operation} of the Redshift Data API.")


@resource_of("redshift-data")
def _resource(_known: Callable[[bytes], str], request: Request) -> str:
    try:
        name = json.loads(request.body or b"{}").get("WorkgroupName", "")
    except ValueError:
        return "*"
    found = workgroups.find(request.account, request.region, name.rpartition("/")[2])
    return found.arn if found else "*"


@patch("ministack.core.iam_actions:request_tag_context")
def _with_owner(
    original: Callable[..., dict[str, Any]], service: str, action: str, body: bytes, parameters: Any
) -> dict[str, Any]:
    context = original(service, action, body, parameters)
    if service != "redshift-data":
        return context
    try:
        statement = _statements.get(json.loads(body or b"{}").get("Id", "").partition(":")[0])
    except ValueError:
        return context
    owner = {"redshift-data:statement-owner-iam-userid": statement.owner.user_id} if statement else {}
    return {**context, **owner}
