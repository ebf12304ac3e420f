"""What a filter policy may say: the rules of SNS, at construction and with the place in the policy."""

from typing import Any

import pytest

from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.messaging._filter_policy import filter_options


@pytest.mark.parametrize(
    "value",
    [
        "order",
        "",
        True,
        5,
        -1e9,
        99.99999,
        {"prefix": "order-"},
        {"suffix": ".png"},
        {"equals-ignore-case": "Tennis"},
        {"wildcard": "*ball"},
        {"cidr": "10.0.0.0/24"},
        {"cidr": "2001:db8::/32"},
        {"exists": False},
        {"numeric": ["=", 5]},
        {"numeric": [">=", 0, "<", 100]},
        {"anything-but": "order"},
        {"anything-but": 5},
        {"anything-but": ["a", "b"]},
        {"anything-but": {"prefix": "order-"}},
        {"anything-but": {"wildcard": ["*a", "*b"]}},
    ],
)
def test_values_of_the_guide_are_taken(value: Any) -> None:
    assert filter_options("Messages/A", {"key": [value]}, "attributes").keys() == {"filter_policy"}
    assert filter_options("Messages/A", {"outer": {"key": [value]}}, "body").keys() == {
        "filter_policy_with_message_body"
    }


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "null is lost"),
        ({"prefx": "x"}, "there is no operator 'prefx'.*anything-but, cidr, equals-ignore-case"),
        ({"begins": "x"}, "there is no operator 'begins'"),
        ({}, "an operator is an object with one key"),
        ({"prefix": "a", "suffix": "b"}, "an operator is an object with one key"),
        ({"prefix": 5}, "takes a string"),
        ({"prefix": ""}, "takes a string that is not empty"),
        ({"wildcard": "a**z"}, "two asterisks"),
        ({"anything-but": {"wildcard": ["a*", "**"]}}, "two asterisks"),
        ({"exists": "false"}, "exists is true or false"),
        ({"cidr": "10.0.0.300/24"}, "no range of addresses"),
        ({"cidr": 5}, "no text"),
        ({"numeric": []}, "a comparison and a number"),
        ({"numeric": ">5"}, "a comparison and a number"),
        ({"numeric": ["!=", 5]}, "no comparison '!='"),
        ({"numeric": [">", "5"]}, "'5' is no number"),
        ({"numeric": [">", True]}, "True is no number"),
        ({"numeric": [">", 5, ">", 3]}, "the first is the lower one"),
        ({"numeric": ["<", 5, ">", 3]}, "the first is the lower one"),
        ({"numeric": [">", 5, "<", 5]}, "no number is between"),
        ({"numeric": [">", float("nan")]}, "out of range"),
        ({"anything-but": []}, "not none"),
        ({"anything-but": ["a", 1]}, "not both"),
        ({"anything-but": {"numeric": [">", 5]}}, "anything-but takes one of prefix"),
        ({"anything-but": {"prefix": None}}, "takes a string"),
        ({"anything-but": 2**60}, "out of range"),
        (2**53 + 1, "out of range.*from -1,000,000,000 to 1,000,000,000"),
        (float("inf"), "out of range"),
        (["nested"], "a value is a string"),
        (b"bytes", "a value is a string"),
    ],
)
def test_value_that_sns_refuses_or_the_cdk_changes_is_named_with_its_place(value: Any, problem: str) -> None:
    with pytest.raises(InvalidOptionError, match=rf"Messages/A: filter_policy contains .* for 'key': .*{problem}"):
        filter_options("Messages/A", {"key": ["fine", value]}, "attributes")
    with pytest.raises(InvalidOptionError, match=rf"for 'outer.key': .*{problem}"):
        filter_options("Messages/A", {"outer": {"key": [value]}}, "body")


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ({"outer": {}}, "contains an empty policy for 'outer'"),
        ({"outer": {"inner": {}}}, "contains an empty policy for 'outer.inner'"),
        ({"": ["a"]}, "contains the key ''"),
        ({5: ["a"]}, "contains the key 5"),
        ({"$or": [{"a": ["b"]}]}, "two policies or more"),
        ({"$or": ["a", "b"]}, "two policies or more"),
        ({"$or": [{"a": ["b"]}, {"a": [None]}]}, r"for '\$or\[1\].a': null is lost"),
        ("kind", "is 'kind'.*Give lists of values by name"),
    ],
)
def test_policy_of_another_shape_is_refused(policy: Any, problem: str) -> None:
    with pytest.raises(InvalidOptionError, match=problem):
        filter_options("Messages/A", policy, "body")


def test_alternatives_count_together() -> None:
    alternatives = [{"a": list("x" * 80)}, {"b": list("y" * 70)}]
    filter_options("Messages/A", {"$or": alternatives}, "attributes")
    with pytest.raises(InvalidOptionError, match="has 151 combinations"):
        filter_options("Messages/A", {"$or": [*alternatives, {"c": ["d"]}]}, "attributes")
