"""The function that tells Zabbix of alarms: what it sends, and what it does when Zabbix does not take it."""

import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_constructs.operations.handlers.zabbix.sender import Sender, Value
from tests.aws.documented import CONTEXT, function, in_queue
from tests.handlers import log_of
from tests.strategies import JSON
from tests.zabbix import StandIn, packet, stand_in

PACKAGE = "cdp_constructs.operations.handlers.zabbix"
TOPIC = "arn:aws:sns:us-east-1:123456789012:operators"
CHANGED = {"AlarmName": "no-orders", "NewStateValue": "ALARM", "StateChangeTime": "2027-01-15T08:00:00.123+0000"}
AT = int(datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp())
KEY = 'cloudwatch.alarm["no-orders"]'
VALUE = Value("shop", KEY, "1", AT)


@pytest.fixture
def zabbix() -> Iterator[StandIn]:
    with stand_in() as server:
        yield server


def described(**alarm: Any) -> dict[str, Any]:
    return {"StateUpdatedTimestamp": datetime(2027, 1, 15, tzinfo=UTC), **alarm}


ALARMS = {
    "MetricAlarms": [described(AlarmName="no-orders", StateValue="ALARM", AlarmDescription="Look at the shop")],
    "CompositeAlarms": [described(AlarmName='the "whole"', StateValue="INSUFFICIENT_DATA")],
}


@pytest.fixture
def handler(zabbix: StandIn) -> Iterator[Any]:
    variables = {"ZABBIX_ADDRESS": "127.0.0.1", "ZABBIX_PORT": str(zabbix.port), "ZABBIX_HOST": "shop"}
    with function(PACKAGE, {"DescribeAlarms": ALARMS}, TOPIC_ARN=TOPIC, **variables) as made:
        yield made


def failures(module: ModuleType, *bodies: object) -> int:
    answer = module.handler(in_queue(*bodies), CONTEXT)
    return len(answer["batchItemFailures"])


def reported(module: ModuleType, capsys: pytest.CaptureFixture[str]) -> int:
    """Report all alarms, and return what was counted."""
    capsys.readouterr()
    assert module.handler({}, CONTEXT) is None
    (metric,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    return int(metric["TakenReports"][0])


@pytest.mark.parametrize(("state", "value"), [("OK", "0"), ("ALARM", "1"), ("INSUFFICIENT_DATA", "2")])
def test_a_change_is_the_value_of_the_item_of_the_alarm(zabbix: StandIn, handler: Any, state: str, value: str) -> None:
    module, _ = handler
    assert failures(module, CHANGED | {"NewStateValue": state}) == 0
    assert zabbix.packets == [[{"host": "shop", "key": KEY, "value": value, "clock": AT}]]


def test_an_alarm_without_an_item_is_delivered_again(
    zabbix: StandIn, handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = handler
    log = log_of(module, monkeypatch)
    zabbix.items = set()
    assert failures(module, CHANGED) == 1
    assert "Zabbix knows" not in log.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        "orders are late",
        [],
        {"AlarmName": "", "NewStateValue": "OK", "StateChangeTime": "2027-01-15T08:00:00.123+0000"},
        CHANGED | {"NewStateValue": "BROKEN"},
        CHANGED | {"NewStateValue": ["ALARM"]},
        CHANGED | {"StateChangeTime": 7},
        CHANGED | {"StateChangeTime": "soon"},
    ],
)
def test_what_is_no_change_of_an_alarm_fails_alone(zabbix: StandIn, handler: Any, body: object) -> None:
    module, _ = handler
    assert failures(module, CHANGED, body) == 1
    assert len(zabbix.packets) == 1


def test_a_report_has_all_alarms_that_notify_the_topic(
    zabbix: StandIn, handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    module, aws = handler
    assert reported(module, capsys) == 1
    (request,) = aws.requests("DescribeAlarms")
    assert request == {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "ActionPrefix": TOPIC, "MaxRecords": 100}
    (values,) = zabbix.packets
    assert {value["host"] for value in values} == {"shop"}
    assert abs(values[0]["clock"] - datetime.now(UTC).timestamp()) < 60
    sent = {value["key"]: value["value"] for value in values}
    assert json.loads(sent.pop("cloudwatch.alarms")) == [
        {"{#ALARM}": "no-orders", "{#DESCRIPTION}": "Look at the shop"},
        {"{#ALARM}": 'the "whole"', "{#DESCRIPTION}": ""},
    ]
    assert sent == {"cloudwatch.alarms.count": "2", KEY: "1", 'cloudwatch.alarm["the \\"whole\\""]': "2"}


def test_many_alarms_go_in_several_packets(zabbix: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    many = [described(AlarmName=f"alarm-{number}", StateValue="OK") for number in range(600)]
    answers = {"DescribeAlarms": {"MetricAlarms": many, "CompositeAlarms": []}}
    variables = {"ZABBIX_ADDRESS": "127.0.0.1", "ZABBIX_PORT": str(zabbix.port), "ZABBIX_HOST": "shop"}
    with function(PACKAGE, answers, TOPIC_ARN=TOPIC, **variables) as (module, _):
        zabbix.items = {"cloudwatch.alarms", "cloudwatch.alarms.count"}
        assert reported(module, capsys) == 0
    assert [len(values) for values in zabbix.packets] == [250, 250, 102]


def test_a_report_that_zabbix_takes_in_part_is_not_whole(
    zabbix: StandIn, handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    module, _ = handler
    zabbix.items = {"cloudwatch.alarms", "cloudwatch.alarms.count", KEY}
    assert reported(module, capsys) == 0


def test_when_zabbix_is_away_a_report_is_counted_and_a_change_fails(
    zabbix: StandIn, handler: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = handler
    zabbix.shutdown()
    zabbix.server_close()
    log = log_of(module, monkeypatch)
    assert reported(module, capsys) == 0
    assert "Zabbix does not answer" in log.getvalue()
    assert failures(module, CHANGED) == 1


WRONG = [
    b"",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"ZBXD\x01" + struct.pack("<II", 100, 0) + b"{}",
    b"ZBXD\x01" + struct.pack("<II", 2**31, 0),
    b"ZBXD\x03" + struct.pack("<II", 2, 2) + b"{}",
    packet({"response": "failed", "info": "not allowed"}),
    packet({"response": "success"}),
    packet(["success"]),
    b"ZBXD\x01" + struct.pack("<II", 3, 0) + b"NaN",
]


@pytest.mark.parametrize("answer", WRONG)
def test_an_answer_that_is_not_zabbixs_is_no_answer(zabbix: StandIn, handler: Any, answer: bytes) -> None:
    module, _ = handler
    zabbix.answer = answer
    with pytest.raises(OSError, match=r"answer|refused|closed"):
        module.zabbix.send([VALUE])
    assert failures(module, CHANGED) == 1


def framed(body: bytes) -> bytes:
    return b"ZBXD\x01" + struct.pack("<II", len(body), 0) + body


def test_whatever_answers_it_is_an_error_or_a_number(zabbix: StandIn) -> None:
    @settings(deadline=None, max_examples=50)
    @given(answer=st.binary(max_size=64) | st.binary(max_size=64).map(framed) | JSON.map(packet))
    def holds(answer: bytes) -> None:
        zabbix.answer = answer
        try:
            assert Sender("127.0.0.1", zabbix.port).send([VALUE]) >= 0
        except OSError:
            return

    holds()
