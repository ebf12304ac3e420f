"""Requests of every protocol have the names and the shape of a template's properties when they are checked."""

import json
from typing import Any

import pytest

from cdp_constructs.local.kit.validation import BODY, InvalidValueError, _problem, _values


def refuse(values: Any) -> None:
    raise InvalidValueError("Wrong", f"{values['Name']} is wrong")


def test_lists_and_maps_of_the_query_protocol() -> None:
    parameters = {
        "Action": ["PutMetricData"],
        "Data.member.2.Name": ["second"],
        "Data.member.1.Name": ["first"],
        "Data.member.1.Dimensions.member.1.Value": ["x"],
        "Attributes.entry.1.key": ["Policy"],
        "Attributes.entry.1.value": ["{}"],
    }
    assert _values({}, b"a=b", parameters) == {
        "Action": "PutMetricData",
        "Data": [{"Name": "first", "Dimensions": [{"Value": "x"}]}, {"Name": "second"}],
        "Attributes": {"Policy": "{}"},
        BODY: "a=b",
    }


def test_json_and_a_body_that_is_the_value() -> None:
    assert _values({}, b'{"Name": "a"}', {})["Name"] == "a"
    assert _values({}, b"{", {}) == {BODY: "{"}


def test_what_cannot_be_read_is_the_services_to_refuse() -> None:
    assert _problem([refuse], lambda: json.loads("{}")) is None
    found = _problem([refuse], lambda: {"Name": "a"})
    assert found is not None
    assert str(found) == "a is wrong (Status Code: 400, Error Code: Wrong)"


def test_a_check_that_cannot_read_a_request_leaves_it_to_the_next_one() -> None:
    def read_more(values: Any) -> None:
        assert values["Other"]

    assert _problem([read_more, refuse], lambda: {"Name": "a"}) is not None


@pytest.mark.parametrize("wrong", ["[" * 100_000, "{", "5"])
def test_no_body_is_an_error_of_the_server(wrong: str) -> None:
    assert _problem([refuse], lambda: _values({}, wrong.encode(), {})) is None
