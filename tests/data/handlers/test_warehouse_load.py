"""What a load of the warehouse says to Redshift."""

import json
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.handlers import import_handler

CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1")


class Services:
    """Stands for S3 and the Redshift Data API."""

    def __init__(self) -> None:
        self.hours: set[str] = set()
        self.objects: list[str] = []
        self.described: dict[str, Any] = {}
        self.requests: list[dict[str, Any]] = []

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> dict[str, int]:  # noqa: N803
        return {"KeyCount": int(any(Prefix == f"telemetry/hour={hour}/" for hour in self.hours))}

    def get_paginator(self, _operation: str) -> Any:
        def paginate(*, Prefix: str, **_: Any) -> list[dict[str, Any]]:  # noqa: N803
            found = [{"Key": key} for key in self.objects if key.startswith(Prefix)]
            return [{"Contents": found[:20]}, {"Contents": found[20:]}, {}]

        return SimpleNamespace(paginate=paginate)

    def describe_statement(self, **_: Any) -> dict[str, Any]:
        return self.described

    def batch_execute_statement(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        return {"Id": f"statement-{len(self.requests)}"}


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "WORKGROUP": "warehouse",
        "DATABASE": "telemetry",
        "TABLE": "telemetry",
        "COLUMNS": json.dumps({"message_id": "string", "at": "bigint", "temperature": "double"}),
        "BUCKET": "records",
        "PREFIX": "telemetry/",
        "COPY_ROLE": "arn:aws:iam::1:role/copy",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return import_handler("cdp_constructs.data.handlers.warehouse_load")


@pytest.fixture
def services(index: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Services:
    services = Services()
    monkeypatch.setattr(index, "s3", services)
    monkeypatch.setattr(index, "redshift", services)
    return services


def test_hours_that_may_have_grown_are_merged_in_one_transaction(index: ModuleType, services: Services) -> None:
    services.hours = {"2027-01-15-06"}
    answer = index.handler({"hours": ["2027-01-15-06", "2027-01-15-07"]}, CONTEXT)
    assert answer == {"statement": "statement-1", "hours": ["2027-01-15-06"]}
    (request,) = services.requests
    assert (request["WorkgroupName"], request["StatementName"], request["WithEvent"]) == (
        "warehouse",
        "warehouse",
        True,
    )
    create, grant, lock, staging, copy, delete, insert, drop = request["Sqls"]
    assert '("message_id" varchar(65535), "at" bigint, "temperature" double precision)' in create
    assert grant == "GRANT SELECT ON TABLE telemetry TO PUBLIC"
    assert lock == "LOCK TABLE telemetry"
    assert staging == "CREATE TEMP TABLE loaded (LIKE telemetry)"
    assert copy == (
        "COPY loaded FROM 's3://records/telemetry/hour=2027-01-15-06/' IAM_ROLE 'arn:aws:iam::1:role/copy' "
        "FORMAT AS PARQUET"
    )
    assert delete.startswith("DELETE FROM loaded USING telemetry WHERE loaded.thing = telemetry.thing")
    assert insert == "INSERT INTO telemetry SELECT DISTINCT * FROM loaded"
    assert drop == "DROP TABLE loaded"


def test_nothing_delivered_starts_nothing(index: ModuleType, services: Services) -> None:
    assert index.handler({}, CONTEXT) == {"statement": None, "hours": []}
    assert services.requests == []


def test_schedule_loads_the_last_three_hours(index: ModuleType) -> None:
    assert index.last_hours(datetime(2027, 1, 1, 1, 5, tzinfo=UTC)) == [
        "2026-12-31-23",
        "2027-01-01-00",
        "2027-01-01-01",
    ]


@pytest.mark.parametrize(
    "hour",
    [
        "'; DROP TABLE telemetry",
        "2027-1-15-6",
        "2027-01-15-24",
        "2027-02-29-00",
        "2027-01-15-\uff10\uff16",
        "2027-01-15-06\n",
    ],
)
def test_hour_that_is_none_is_refused(index: ModuleType, services: Services, hour: str) -> None:
    services.hours = {hour, "2027-01-15-06"}
    with pytest.raises(ValueError, match=r"use a list of hours of UTC|unconverted data|day is out of range"):
        index.handler({"hours": ["2027-01-15-06", hour]}, CONTEXT)
    assert services.requests == []


def test_an_hour_that_is_asked_for_twice_is_loaded_once(index: ModuleType, services: Services) -> None:
    services.hours = {"2027-01-15-06", "2027-01-15-05"}
    answer = index.handler({"hours": ["2027-01-15-06", "2027-01-15-05", "2027-01-15-06"]}, CONTEXT)
    assert answer["hours"] == ["2027-01-15-05", "2027-01-15-06"]


def test_more_hours_than_redshift_takes_statements_are_refused(index: ModuleType, services: Services) -> None:
    hours = [f"2027-01-{15 + number // 24}-{number % 24:02}" for number in range(34)]
    services.hours = set(hours)
    index.handler({"hours": hours[1:]}, CONTEXT)
    assert len(services.requests[0]["Sqls"]) == 40
    with pytest.raises(ValueError, match="hours are 34; load 33 at a time"):
        index.handler({"hours": hours}, CONTEXT)


FAILED = {"source": "aws.redshift-data", "detail": {"statementId": "failed", "state": "FAILED"}}
HOUR = "telemetry/hour=2027-01-15-06/"


def divided(index: ModuleType, services: Services, *sources: str) -> list[tuple[str, list[str]]]:
    """Return the loads, by the names of their statements, into which one of these sources is divided."""
    services.described = {
        "SubStatements": [{"QueryString": sql} for sql in index.statements(index.environment, sources)]
    }
    services.requests.clear()
    answer = index.handler(FAILED, CONTEXT)
    assert answer["parts"] == [f"statement-{number + 1}" for number in range(len(services.requests))]
    assert all(request["WithEvent"] for request in services.requests)
    return [(request["StatementName"], index.sources_of(request["Sqls"])) for request in services.requests]


def test_a_load_that_failed_is_divided_until_one_object_fails(index: ModuleType, services: Services) -> None:
    hours = [HOUR, "telemetry/hour=2027-01-15-07/"]
    assert divided(index, services, *hours) == [("warehouse", [hour]) for hour in hours]
    services.objects = [f"{HOUR}{name}" for name in ("a", "it's", "z")] + [HOUR, f"{hours[1]}b"]
    assert divided(index, services, HOUR) == [
        (f"warehouse {HOUR}{name}", [f"{HOUR}{name}"]) for name in ("a", "it's", "z")
    ]


def test_an_hour_of_many_objects_is_divided_in_steps(index: ModuleType, services: Services) -> None:
    services.objects = [f"{HOUR}{number:03}" for number in range(70)]
    steps = divided(index, services, HOUR)
    assert [(name, len(sources)) for name, sources in steps] == [("warehouse", 33), ("warehouse", 33), ("warehouse", 4)]
    assert [source for _, sources in steps for source in sources] == services.objects
    assert all(len(request["Sqls"]) <= 40 for request in services.requests)
    single = divided(index, services, *steps[2][1])
    assert single == [(f"warehouse {key}", [key]) for key in services.objects[66:]]


def test_a_long_key_leaves_a_name_that_redshift_takes(index: ModuleType, services: Services) -> None:
    services.objects = [f"{HOUR}{'k' * 900}"]
    [(name, sources)] = divided(index, services, HOUR)
    assert (len(name), name[:20], sources) == (500, f"warehouse {HOUR}"[:20], services.objects)


@pytest.mark.parametrize("detail", [None, "failed", {}, {"statementId": 7}, {"statementId": ""}])
def test_an_event_that_names_no_statement_fails_the_invocation(
    index: ModuleType, services: Services, detail: Any
) -> None:
    with pytest.raises(ValueError, match="the event names no statement"):
        index.handler({"source": "aws.redshift-data", "detail": detail}, CONTEXT)
    assert services.requests == []


@pytest.mark.parametrize("described", [{}, {"SubStatements": []}, {"SubStatements": [{"QueryString": "SELECT 1"}]}])
def test_a_statement_that_is_no_load_fails_the_invocation(
    index: ModuleType, services: Services, described: dict[str, Any]
) -> None:
    services.described = described
    with pytest.raises(ValueError, match="statement failed is no load of this function"):
        index.handler(FAILED, CONTEXT)
    assert services.requests == []
