"""The key ``mobile`` of the context is checked before anything is built."""

from typing import Any

import pytest

from stacks.mobile.config import ConfigurationError, MobileConfiguration


def test_the_defaults_have_placeholder_names() -> None:
    configuration = MobileConfiguration.from_context(None)
    assert (configuration.region, configuration.rate_limit) == ("ap-northeast-1", 2_000)
    assert configuration.origins == ("https://mobile.example.com",)
    assert [one.option for one in configuration.placeholders] == [
        "mobile.domain_name",
        "mobile.hosted_zone_id",
        "mobile.hosted_zone_name",
        "mobile.notices.identity",
        "mobile.alarm_email",
    ]


def test_without_a_name_no_zone_is_needed() -> None:
    configuration = MobileConfiguration.from_context({"domain_name": None, "alarm_email": None})
    assert configuration.origins == ()
    assert [one.option for one in configuration.placeholders] == ["mobile.notices.identity"]


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"region": "nowhere"}, "mobile: region is 'nowhere'"),
        ({"domain_name": "https://a.example.org"}, "mobile: domain_name is"),
        ({"domain_name": "game.example.org"}, "not in the zone 'mobile.example.com'"),
        ({"hosted_zone_id": None}, "mobile: hosted_zone_id is missing"),
        ({"hosted_zone_name": None}, "mobile: hosted_zone_name is missing"),
        ({"notices": {"identity": "nobody"}}, "mobile: notices.identity is 'nobody'"),
        ({"notices": {"sender": "nobody"}}, "mobile: notices.sender is 'nobody'"),
        ({"notices": {"from": "nobody"}}, "has 'notices.from', which nothing reads"),
        ({"alarm_email": "nobody"}, "mobile: alarm_email"),
        ({"rate_limit": "many"}, "mobile: rate_limit is 'many'"),
        ({"rate_limit": 1}, "mobile: rate_limit is 1 requests"),
        ({"regions": []}, "has 'regions', which nothing reads"),
    ],
)
def test_what_cannot_be_used_is_told(context: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        MobileConfiguration.from_context(context)
