"""One id for an item: which ids are taken, how they are carried, and which log lines have them."""

import json
import logging
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from correlation import about, attributes, carried_by, correlated, id_of, started, valid

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{ID}-00f067aa0ba902b7-01"


class Lines:
    """A function's logger, and what it has written."""

    def __init__(self) -> None:
        self._written = StringIO()
        self.logger = Logger(service=f"test-{uuid4()}", logger_handler=logging.StreamHandler(self._written))

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._written.getvalue().splitlines()]


@pytest.fixture
def lines() -> Lines:
    return Lines()


def record(traceparent: str | None, number: int = 1) -> SQSRecord:
    attribute = {"stringValue": traceparent, "dataType": "String"}
    carried = {} if traceparent is None else {"messageAttributes": {"traceparent": attribute}}
    return SQSRecord({"body": "{}", "messageId": str(number), **carried})


def test_what_a_client_gives_is_taken() -> None:
    assert (valid(GIVEN), id_of(GIVEN)) == (GIVEN, ID)


def test_a_later_version_is_read_as_far_as_this_one_goes() -> None:
    assert valid(f"cc{GIVEN[2:]}-what-the-future-brings") == GIVEN


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        "",
        ID,
        GIVEN.upper(),
        f"{GIVEN}-more",
        f"{GIVEN} ",
        f"{GIVEN}\n",
        f"ff{GIVEN[2:]}",
        GIVEN.replace(ID, "0" * 32),
        GIVEN.replace("00f067aa0ba902b7", "0" * 16),
        f"cc{GIVEN[2:]}-{'x' * 1000}",
        '00-${jndi:ldap}","level":"ERROR-00f067aa0ba902b7-01',
    ],
)
def test_anything_else_is_not(wrong: object) -> None:
    assert (valid(wrong), id_of(wrong), attributes(wrong)) == (None, None, {})


def test_a_new_one_is_like_no_other() -> None:
    made = {started() for _ in range(100)}
    assert len({id_of(one) for one in made}) == 100
    assert id_of(started(ID)) == ID


def test_a_message_carries_it_as_an_attribute() -> None:
    sent = attributes(GIVEN)["traceparent"]
    assert carried_by(record(sent["StringValue"])) == GIVEN
    assert carried_by(record(None)) is None
    assert carried_by(record("what somebody else has put there")) is None


def test_lines_have_the_id_of_what_they_are_about_and_no_other(lines: Lines) -> None:
    @correlated(lines.logger)
    def work(record: SQSRecord) -> None:
        lines.logger.info(record.message_id)

    others = [started() for _ in range(3)]
    for number, traceparent in enumerate([GIVEN, None, *others]):
        work(record(traceparent, number))
    lines.logger.info("behind")
    found = [line.get("correlation_id") for line in lines.read()]
    assert found == [ID, None, *map(id_of, others), None]


def test_a_failure_is_logged_with_the_id_and_goes_on(lines: Lines) -> None:
    @correlated(lines.logger)
    def work(record: SQSRecord) -> None:
        raise KeyError(record.body)

    with pytest.raises(KeyError):
        work(record(GIVEN))
    lines.logger.info("behind")
    failed, behind = lines.read()
    assert (failed["level"], failed["correlation_id"], failed["message_id"]) == ("ERROR", ID, "1")
    assert "correlation_id" not in behind


def test_a_line_about_several_items_has_all_ids(lines: Lines) -> None:
    other = started()
    with about(lines.logger, GIVEN, None, other):
        lines.logger.info("all")
        with about(lines.logger, other):
            lines.logger.info("one")
        lines.logger.info("all again")
    first, one, again = lines.read()
    assert first["correlation_ids"] == again["correlation_ids"] == [ID, id_of(other)]
    assert (one["correlation_id"], "correlation_id" in again) == (id_of(other), False)


def test_who_catches_a_failure_outside_knows_the_id_and_the_next_item_does_not(lines: Lines) -> None:
    @correlated(lines.logger)
    def work(record: SQSRecord) -> None:
        if record.body:
            with about(lines.logger, GIVEN):  # known only after a part of the work
                raise KeyError

    with pytest.raises(KeyError):
        work(record(None))
    work(SQSRecord({"body": "", "messageId": "2"}))
    lines.logger.info("behind")
    failed, behind = lines.read()
    assert failed["correlation_ids"] == [ID]
    assert not {"correlation_id", "correlation_ids", "message_id"} & behind.keys()


def test_inside_of_the_same_item_the_id_stays(lines: Lines) -> None:
    with about(lines.logger, GIVEN):
        with about(lines.logger, GIVEN):
            pass
        lines.logger.info("still")
    assert lines.read()[0]["correlation_id"] == ID
