"""The function of a transition: what it moves, what it refuses, what it tells."""

import json
from typing import Any

import boto3
import pytest
from pydantic import ValidationError

from tests.handlers import import_handler

PACKAGE = "cdp_constructs.workflow.handlers.weighted_transition"
RULE, OLD, NEW = "arn:rule", "arn:old", "arn:new"
OF_RULE = {"rule": RULE, "current": OLD, "replacement": NEW}
NAME = "shop.example.com."
OF_RECORDS = {"zone": "Z1", "name": NAME, "types": ["A", "AAAA"], "current": "current", "replacement": "replacement"}


class Aws:
    """A rule, records, alarms and notices, in the place of the clients of boto3."""

    def __init__(self) -> None:
        self.weights = {OLD: 100, NEW: 0}
        self.stickiness = {"Enabled": True, "DurationSeconds": 60}
        self.alarms = {"Errors": "OK"}
        self.composite: dict[str, str] = {}
        self.notices: list[str] = []
        self.writes = 0
        self.records = [
            {"Name": NAME, "Type": kind, "SetIdentifier": one, "Weight": weight, "TTL": 60, "ResourceRecords": [kind]}
            for kind in ("A", "AAAA")
            for one, weight in (("current", 100), ("replacement", 0))
        ]

    def describe_alarms(self, **_asked: Any) -> Any:
        return {
            f"{kind}Alarms": [{"AlarmName": name, "StateValue": state} for name, state in known.items()]
            for kind, known in (("Metric", self.alarms), ("Composite", self.composite))
        }

    def describe_rules(self, **_asked: Any) -> Any:
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in self.weights.items()]
        forward = {"TargetGroups": groups, "TargetGroupStickinessConfig": self.stickiness}
        return {"Rules": [{"Actions": [{"Type": "forward", "Order": 1, "ForwardConfig": forward}]}]}

    def modify_rule(self, **asked: Any) -> Any:
        (action,) = asked["Actions"]
        assert action["ForwardConfig"]["TargetGroupStickinessConfig"] == self.stickiness
        self.weights = {one["TargetGroupArn"]: one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]}
        self.writes += 1

    def list_resource_record_sets(self, **asked: Any) -> Any:
        other = {"Name": "www.example.com.", "Type": "A", "SetIdentifier": "current", "Weight": 7}
        kind = asked["StartRecordType"]
        return {"ResourceRecordSets": [*(one for one in self.records if one["Type"] >= kind), other]}

    def change_resource_record_sets(self, **asked: Any) -> Any:
        changes = asked["ChangeBatch"]["Changes"]
        assert {one["Action"] for one in changes} == {"UPSERT"}
        self.records = [one["ResourceRecordSet"] for one in changes]
        self.writes += 1

    def publish(self, **asked: Any) -> Any:
        assert len(asked["Subject"]) <= 100
        notice = json.loads(asked["Message"])
        assert asked["Subject"] == f"{notice['transition']}: {notice['notice']}"
        self.notices.append(f"{notice['notice']}. {notice['more']}")


@pytest.fixture(params=[OF_RULE, OF_RECORDS], ids=["rule", "records"])
def target(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, target: dict[str, Any]) -> Aws:
    aws = Aws()
    monkeypatch.setattr(boto3, "client", lambda _service: aws)
    monkeypatch.setenv("TARGET", json.dumps(target))
    monkeypatch.setenv("ALARMS", '["Errors"]')
    monkeypatch.setenv("INTERVAL_SECONDS", "600")
    monkeypatch.setenv("NAME", "Shop/Move")
    monkeypatch.setenv("TOPIC_ARN", "arn:topic")
    return aws


def share(aws: Aws, target: dict[str, Any]) -> set[tuple[int, int]]:
    if target is OF_RULE:
        return {(aws.weights[OLD], aws.weights[NEW])}
    by_kind = {
        kind: {one["SetIdentifier"]: one["Weight"] for one in aws.records if one["Type"] == kind}
        for kind in ("A", "AAAA")
    }
    return {(weights["current"], weights["replacement"]) for weights in by_kind.values()}


def call(**event: Any) -> Any:
    return import_handler(PACKAGE).handler(event, None)


def test_a_step_moves_a_share_once(aws: Aws, target: dict[str, Any]) -> None:
    first = call(action="move", share=10, after=0)
    assert share(aws, target) == {(90, 10)}
    assert call(action="move", share=10, after=0)["share"] == first["share"] == 10
    assert aws.writes == 1
    assert aws.notices[0].startswith("10 % of the users are on the replacement.")


def test_a_look_says_whether_the_step_is_over(aws: Aws, target: dict[str, Any]) -> None:
    until = call(action="move", share=100, after=0)["until"]
    assert call(action="look", share=100, until=until)["over"] is False
    assert len(aws.notices) == 1
    assert call(action="look", share=100, until=1)["over"] is True
    assert "the transition is complete. Write completed=True" in aws.notices[1]
    assert share(aws, target) == {(0, 100)}


@pytest.mark.parametrize("state", ["ALARM", None], ids=["raised", "gone"])
@pytest.mark.parametrize("action", ["move", "look"])
def test_nothing_moves_while_an_alarm_is_raised_or_gone(
    aws: Aws, target: dict[str, Any], action: str, state: str | None
) -> None:
    aws.alarms = {} if state is None else {"Errors": state}
    with pytest.raises(Exception, match=f"Errors is {state or 'missing'}") as error:
        call(action=action, share=10, after=0)
    assert type(error.value).__name__ == "AlarmError"
    assert share(aws, target) == {(100, 0)}


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_a_composite_alarm_and_one_without_data_let_a_step_pass(aws: Aws, state: str) -> None:
    aws.alarms, aws.composite = {}, {"Errors": state}
    assert call(action="move", share=10, after=0)["share"] == 10


def test_weights_that_somebody_else_has_set_are_an_error(aws: Aws, target: dict[str, Any]) -> None:
    call(action="move", share=50, after=0)
    for event in ({"action": "move", "share": 25, "after": 10}, {"action": "look", "share": 10}):
        with pytest.raises(Exception, match="50 % were on the replacement, and not 10 %") as error:
            call(**event)
        assert type(error.value).__name__ == "ChangedError"
    assert share(aws, target) == {(50, 50)}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({}, "somebody asked for it"),
        ({"Error": "States.Timeout"}, "States.Timeout: "),
        ({"Error": "AlarmError", "Cause": '{"errorMessage": "Errors is ALARM"}'}, "AlarmError: Errors is ALARM"),
        ({"Error": "Lambda.Unknown", "Cause": "no JSON"}, "Lambda.Unknown: no JSON"),
    ],
)
def test_everybody_goes_back_with_a_reason_also_while_an_alarm_is_raised(
    aws: Aws, target: dict[str, Any], error: dict[str, str], said: str
) -> None:
    call(action="move", share=50, after=0)
    aws.alarms = {"Errors": "ALARM"}
    call(action="back", error=error)
    call(action="back", error=error)
    assert share(aws, target) == {(100, 0)}
    assert aws.writes == 2
    assert f"Reason: {said}" in aws.notices[-1]


def test_nobody_is_told_without_a_topic(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOPIC_ARN")
    call(action="move", share=10, after=0)
    assert aws.notices == []


def test_records_that_are_not_there_or_differ_are_an_error(aws: Aws, target: dict[str, Any]) -> None:
    if target is OF_RULE:
        aws.weights = {OLD: 100}
        with pytest.raises(KeyError):
            call(action="move", share=10, after=0)
        return
    aws.records[-1]["Weight"] = 50
    with pytest.raises(LookupError, match=r"no records, or of different weights: \[0, 33\]"):
        call(action="move", share=10, after=0)


@pytest.mark.parametrize(
    "event",
    [{}, {"action": "stop"}, {"action": "move", "share": 101}, {"action": "move", "share": 10, "alarms": []}],
)
def test_another_event_changes_nothing(aws: Aws, event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        call(**event)
    assert aws.writes == 0
