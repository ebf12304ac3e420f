"""What the boards' configuration refuses, and what it says then."""

from typing import Any

import pytest

from stacks.dojo.config import BOARDS, ConfigurationError, DojoConfiguration


def test_without_a_value_there_are_all_boards_with_placeholder_names() -> None:
    found = DojoConfiguration.from_context(None)
    assert found.boards == tuple(BOARDS)
    assert [one.option for one in found.placeholders] == [
        "dojo.hosted_zone_id",
        "dojo.hosted_zone_name",
        "dojo.alarm_email",
    ]


def test_names_of_ones_own_leave_no_placeholder() -> None:
    own = {"hosted_zone_id": "Z0123456789ABC", "hosted_zone_name": "chat.example.jp", "alarm_email": None}
    found = DojoConfiguration.from_context(own)
    assert found.placeholders == ()
    assert found.domain_name("after_6") == "after-6.chat.example.jp"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"boards": []}, "boards is empty"),
        ({"boards": ["after_7"]}, "contains 'after_7'"),
        ({"boards": ["after_6", "after_6"]}, "contains 'after_6'"),
        ({"region": "ap-northeast-11"}, "no Region of the partition"),
        ({"hosted_zone_name": "https://example.jp"}, "hosted_zone_name is"),
        ({"alarm_email": "nobody"}, "alarm_email is"),
        ({"board": "after_6"}, "Use 'boards'"),
        ({"ichinensei_platform": "ec2"}, "ichinensei_platform"),
        ({"beanstalk_platform_version": "latest"}, "beanstalk_platform_version is 'latest'"),
        ({"beanstalk_instance_type": "t3.small"}, "beanstalk_instance_type is 't3.small'"),
    ],
)
def test_a_mistake_is_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        DojoConfiguration.from_context(given)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
