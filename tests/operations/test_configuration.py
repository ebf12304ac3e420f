"""How a system's configuration is read from the context: one line per mistake, with key, value and fix."""

from typing import ClassVar

import pytest
from pydantic import Field

from cdp_constructs import InvalidOptionError
from cdp_constructs.operations.configuration import (
    ConfigurationError,
    SystemConfiguration,
    check_address,
    check_form,
    check_region,
)


class Orders(SystemConfiguration):
    KEY: ClassVar[str] = "orders"
    EXAMPLE: ClassVar[str] = '{"region": …}'
    region: str
    sites: tuple[str, ...] = Field(default=("home",), strict=False)


def test_an_object_and_its_json_are_the_same() -> None:
    expected = Orders(region="eu-west-1", sites=("a", "b"))
    assert Orders.from_context({"region": "eu-west-1", "sites": ["a", "b"]}) == expected
    assert Orders.from_context('{"region": "eu-west-1", "sites": ["a", "b"]}') == expected


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, 'context key \'orders\' is missing. Add "orders": {"region": …} to it.'),
        ("{", "which is not JSON"),
        ({}, "context key 'orders' lacks 'region'. Add 'region' to it."),
        ({"region": "eu-west-1", "site": []}, "has 'site', which nothing reads. Use 'sites'."),
        ({"region": 7}, "orders: region is 7. Input should be a valid string."),
    ],
)
def test_a_mistake_names_key_value_and_fix(value: object, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Orders.from_context(value)
    assert says in str(refused.value)


def test_every_mistake_has_a_line() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Orders.from_context({"sites": 7, "other": 1})
    assert len(str(refused.value).splitlines()) == 3


def test_regions_that_do_not_exist_are_refused_with_a_similar_one() -> None:
    assert check_region("orders", "region", "us-west-2") == "us-west-2"
    for region in ("us-wset-2", "cn-north-1"):
        with pytest.raises(InvalidOptionError, match="no Region of the partition 'aws'"):
            check_region("orders", "region", region)
    with pytest.raises(InvalidOptionError, match="'us-west-2'"):
        check_region("orders", "region", "us-wset-2")


@pytest.mark.parametrize(
    "address", ["me", "me@", "@example.com", "a b@example.com", "me@example..com", "me@@example.com"]
)
def test_addresses_that_mail_cannot_reach_are_refused(address: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"ops@example\.com"):
        check_address("orders", "email", address)


@pytest.mark.parametrize("address", [None, "me@example.com", "größe@example.com", "a.b+c@mail.example.co.jp"])
def test_addresses_are_taken_as_they_are(address: str | None) -> None:
    assert check_address("orders", "email", address) == address


def test_a_form_is_the_whole_value() -> None:
    assert check_form("orders", "url", None, "https://.+", "fix") is None
    assert check_form("orders", "url", "https://a", "https://.+", "fix") == "https://a"
    with pytest.raises(InvalidOptionError, match="Use https"):
        check_form("orders", "url", "x https://a", "https://.+", "Use https")
