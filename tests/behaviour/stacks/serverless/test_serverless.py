"""What the deployed price lists do: series, parallel, a map, a person, compensation, and going on after a failure."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from rich.console import Console

from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.testing import Synthesis, eventually
from demo.report import Report
from demo.serverless.__main__ import Scenes, play
from demo.serverless.office import Execution, Office, rows
from tests.stacks.serverless.architectures import price_lists


@pytest.fixture(scope="module")
def office(local_cloud: LocalCloud, deployed: Callable[[Callable[..., Any]], Deployment]) -> Office:
    made = Office(local_cloud, deployed(price_lists))
    made.hasten()
    return made


def holds(office: Office, supplier: str) -> str | None:
    version: str | None = office.item("CURRENT", supplier).get("version")
    return version


def succeeded(execution: Execution) -> Execution:
    ended = execution.ended()
    assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
    return execution


def test_a_list_goes_its_way_and_its_prices_hold_at_once(office: Office) -> None:
    supplier = office.supplier()
    execution = succeeded(office.send(supplier, rows(600)))
    assert execution.entered() == ["Read", "Check", "Save", "Rises", "Publish", "LoadTills", "Announce"]
    assert holds(office, supplier) == execution.name == office.item("TILLS", supplier)["version"]
    assert office.saved(supplier, execution.name) == 600
    assert sum(json.loads(execution.described()["output"])["saved"]) == 600
    announced = [one for one in office.announcements() if one["supplier"] == supplier]
    assert announced == [{"supplier": supplier, "version": execution.name, "count": 600}]


def test_one_id_names_a_list_in_the_log_of_each_step(office: Office) -> None:
    trace, supplier = uuid4().hex, office.supplier()
    # The supplier's own, which reaches the shops too.
    carried = {"DataType": "String", "StringValue": f"00-{trace}-00f067aa0ba902b7-01"}
    sent = office.sqs.send_message(
        QueueUrl=office.outputs["QueueUrl"],
        MessageBody=json.dumps({"supplier": supplier, "rows": rows(3)}),
        MessageAttributes={"traceparent": carried},
    )
    succeeded(office.started(sent["MessageId"]))
    logs, steps = office.cloud.client("logs", office.region), ("Read", "Save", "Publish", "Announce")

    def named() -> bool:
        groups = [office.resource(f"Imports{name}FunctionLogs") for name in ("WorkflowListsStarter", *steps)]
        found = [
            logs.filter_log_events(logGroupName=group, filterPattern=f'{{ $.correlation_id = "{trace}" }}')["events"]
            for group in groups
        ]
        return all(found)

    eventually(named, within=30, what="a line of each step")
    messages = office.sqs.receive_message(
        QueueUrl=office.outputs["ShopsQueueUrl"], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )["Messages"]
    assert carried["StringValue"] in {one["MessageAttributes"]["traceparent"]["StringValue"] for one in messages}


def test_a_megabyte_of_rows_goes_by_reference(office: Office) -> None:
    supplier = office.supplier()
    listed = rows(500, text="x" * 1_800)
    assert len(json.dumps(listed)) > 900_000
    execution = succeeded(office.send(supplier, listed))
    # The message itself is one already.
    assert "claim_check" in json.loads(execution.described()["input"])
    assert len(json.dumps(execution.output_of("Read"))) < 10_000
    assert office.saved(supplier, execution.name) == 500


def test_a_bad_row_costs_only_itself(office: Office) -> None:
    supplier = office.supplier()
    bad: list[Any] = [None, 7, {"sku": "a b"}, {"sku": "B-1", "name": "", "cents": -1}, rows(1)[0]]
    execution = succeeded(office.send(supplier, [*rows(3), *bad]))
    read = execution.output_of("Read")
    assert (read["count"], read["wrong"]["count"]) == (3, 5)
    assert office.saved(supplier, execution.name) == 3


@pytest.mark.parametrize(
    "given", [{"supplier": "A B", "rows": [1]}, {"supplier": "a"}, [], {"supplier": "a", "rows": [1]}]
)
def test_what_is_no_list_fails_once_and_changes_nothing(office: Office, given: Any) -> None:
    execution = office.started(office.post(json.dumps(given)))
    ended = execution.ended()
    assert (ended["status"], ended["error"] in {"ValidationError", "NoRowError"}) == ("FAILED", True)
    assert execution.entered() == ["Read"]


def test_a_message_that_is_no_json_costs_only_itself(office: Office) -> None:
    before = office.waiting("ImportsWorkflowListsDeadLetterQueue")
    office.post("no list at all")
    good = office.send(office.supplier(), rows(1))
    succeeded(good)
    eventually(lambda: office.waiting("ImportsWorkflowListsDeadLetterQueue") == before + 1, within=60)


def test_checks_in_parallel_take_as_long_as_the_longer_one(office: Office) -> None:
    supplier = office.supplier()
    succeeded(office.send(supplier, rows(20)))
    with office.cloud.inject_delay("s3", office.region, 1.5):
        execution = succeeded(office.send(supplier, rows(20)))
        series = office.series_of(execution)
    assert series >= 3
    assert execution.seconds_in("Check") < series - 1


def risen(office: Office) -> tuple[str, str, Execution]:
    """Return a supplier with a list that holds, its version, and an execution that waits for a person."""
    supplier = office.supplier()
    first = succeeded(office.send(supplier, rows(5)))
    second = office.send(supplier, rows(5, cents=2_000))
    office.waits(second)
    return supplier, first.name, second


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_person_decides_by_the_link_of_the_mail_once(office: Office, decision: str) -> None:
    supplier, before, execution = risen(office)
    link = office.link(execution)
    page = httpx.get(link, timeout=20)
    assert page.status_code == 200
    assert "5 rise by more than 10 percent, the most by" in page.text
    assert holds(office, supplier) == before, "to look changes nothing"
    assert office.decide(link, decision).status_code == 200
    succeeded(execution)
    assert office.decide(link, decision).status_code == 404, "the code is good for one decision"
    if decision == "approve":
        assert holds(office, supplier) == execution.name
        assert json.loads(execution.described()["output"])["approval"] == {"by": "Kim", "comment": "as agreed"}
    else:
        assert execution.entered()[-2:] == ["Discard", "Refused"]
        assert holds(office, supplier) == before
        assert office.saved(supplier, execution.name) == 0


def test_who_has_no_link_decides_nothing(office: Office) -> None:
    supplier, before, execution = risen(office)
    link = office.link(execution)
    _, _, other = risen(office)
    address = urlsplit(link)
    stolen = address._replace(path=f"/approvals/{other.name}.Approve")
    wrong = [
        address._replace(query="code=guess"),
        address._replace(query=""),
        address._replace(query="code=%FF"),
        # The code of another question.
        stolen._replace(netloc=address.netloc, path=address.path.rpartition("/")[0] + f"/{other.name}.Approve"),
    ]
    for one in wrong:
        assert httpx.get(one.geturl(), timeout=20).status_code == 404
        assert office.decide(one.geturl(), "approve").status_code == 404
    for form in ({}, {"decision": "perhaps", "by": "Kim"}, {"decision": "approve", "by": " "}, {"by": "x" * 200}):
        assert httpx.post(link, data=form, timeout=20).status_code == 400
    assert httpx.request("DELETE", link, timeout=20).status_code in {404, 405}
    assert execution.described()["status"] == "RUNNING"
    assert holds(office, supplier) == before


def test_a_question_that_nobody_answers_in_time_discards_the_list(office: Office) -> None:
    supplier, before, execution = risen(office)
    link = office.link(execution)
    # Time is up: what Step Functions does after the hours of the configuration.
    table = office.resource("ImportsApprovalTable")
    key = {"id": {"S": f"{execution.name}.Approve"}}
    token = office._database.get_item(TableName=table, Key=key)["Item"]["token"]["S"]
    office.states.send_task_failure(taskToken=token, error="States.HeartbeatTimeout", cause="")
    succeeded(execution)
    assert execution.entered()[-2:] == ["Discard", "Refused"]
    assert office.decide(link, "approve").status_code == 409
    assert holds(office, supplier) == before


def test_what_the_tills_refuse_is_taken_back(office: Office) -> None:
    supplier = office.supplier()
    first = succeeded(office.send(supplier, rows(5)))
    high = [*rows(5), {"sku": "X-1", "name": "Crown", "cents": 1_000_000}]
    execution = office.send(supplier, high)
    ended = execution.ended()
    assert (ended["status"], ended["error"]) == ("FAILED", "PriceRefusedError")
    assert execution.entered()[-5:] == ["Publish", "LoadTills", "RestoreTills", "Withdraw", "Undone"]
    assert holds(office, supplier) == first.name == office.item("TILLS", supplier)["version"]


def test_the_first_list_that_is_taken_back_leaves_nothing(office: Office) -> None:
    supplier = office.supplier()
    execution = office.send(supplier, [{"sku": "X-1", "name": "Crown", "cents": 1_000_000}])
    assert execution.ended()["status"] == "FAILED"
    assert holds(office, supplier) is None
    assert office.item("TILLS", supplier) == {}


def test_after_a_failed_step_it_goes_on_there_and_does_nothing_twice(office: Office) -> None:
    supplier = office.supplier()
    good = office.handler_of("ImportsAnnounceFunction", "nowhere.handler")
    try:
        execution = office.send(supplier, rows(5))
        ended = execution.ended()
        assert (ended["status"], ended["error"]) == ("FAILED", "Runtime.ImportModuleError")
        assert holds(office, supplier) == execution.name, "prices that the tills have are not taken back"
    finally:
        office.handler_of("ImportsAnnounceFunction", good)
    office.redrive(execution)
    succeeded(execution)
    entered = execution.entered()
    assert (entered.count("Read"), entered.count("Publish"), entered.count("Announce")) == (1, 1, 2)
    assert [one["version"] for one in office.announcements() if one["supplier"] == supplier] == [execution.name]


def test_a_table_that_is_throttled_for_a_moment_is_tried_again(office: Office) -> None:
    supplier = office.supplier()
    error = "ProvisionedThroughputExceededException"
    with office.cloud.inject_fault("dynamodb", office.region, error=error, operation="BatchWriteItem"):
        execution = office.send(supplier, rows(5))
        eventually(lambda: "Save" in execution.entered(), within=30)
        with pytest.raises(AssertionError):
            eventually(lambda: "Rises" in execution.entered(), within=2)
    succeeded(execution)
    assert office.saved(supplier, execution.name) == 5


def test_a_quote_is_answered_by_the_prices_that_hold(office: Office) -> None:
    supplier = office.supplier()
    basket = [{"sku": "A-00001", "quantity": 2}, {"sku": "A-00002", "quantity": 10}, {"sku": "none", "quantity": 1}]
    assert json.loads(office.quote(supplier, basket)["output"])["cents"] == 0
    succeeded(office.send(supplier, rows(5)))
    answer = office.quote(supplier, basket)
    assert answer["status"] == "SUCCEEDED"
    told = json.loads(answer["output"])
    # Ten and more are five percent less.
    assert told["cents"] == 2 * 1_001 + 10 * 1_002 - 10 * 1_002 * 5 // 100
    assert [line["known"] for line in told["lines"]] == [True, True, False]


def test_a_line_that_cannot_be_read_costs_only_itself_and_raises_no_alarm(office: Office) -> None:
    answer = office.quote("a", [{"sku": "A-1", "quantity": 0}, None, {"sku": "A-1", "quantity": 1}])
    assert answer["status"] == "SUCCEEDED"
    assert [line.get("wrong") for line in json.loads(answer["output"])["lines"]] == ["quantity", "all of it", None]


def test_the_demonstration_sees_what_it_expects(office: Office, synthesis: Synthesis, tmp_path: Path) -> None:
    report = Report(Console(file=io.StringIO()))
    play(Scenes(office, Path(synthesis(price_lists).assembly), tmp_path), report)
    assert [(one.title, one.seen) for one in report.results if not one.passed] == []
    assert len(report.results) == 14
