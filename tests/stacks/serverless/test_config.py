"""The key ``serverless`` of the context is checked before anything is built."""

from typing import Any

import pytest

from stacks.serverless.config import ConfigurationError, ServerlessConfiguration


def test_the_defaults_run_in_tokyo_and_a_question_waits_two_days() -> None:
    configuration = ServerlessConfiguration.from_context(None)
    assert (configuration.region, configuration.approval_hours) == ("ap-northeast-1", 48)
    assert [one.option for one in configuration.placeholders] == ["serverless.buyer_email", "serverless.alarm_email"]


def test_nobody_is_mailed_when_there_is_no_address() -> None:
    context = {"buyer_email": None, "alarm_email": None}
    assert ServerlessConfiguration.from_context(context).placeholders == ()


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"region": "nowhere"}, "serverless: region"),
        ({"buyer_email": "nobody"}, "serverless: buyer_email is 'nobody'"),
        ({"alarm_email": "nobody"}, "serverless: alarm_email is 'nobody'"),
        ({"approval_hours": 0}, "approval_hours"),
        ({"approval_hours": 721}, "approval_hours"),
        ({"regions": []}, "has 'regions', which nothing reads"),
    ],
)
def test_what_cannot_be_used_is_told(context: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ServerlessConfiguration.from_context(context)
