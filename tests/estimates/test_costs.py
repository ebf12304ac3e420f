"""From use to dollars and to quotas."""

import subprocess
import sys

import pytest

from cdp_constructs.estimates import NotKnownError, Quota, Use, default_quota, first_reached, monthly_cost


def test_parts_are_summed_in_the_order_of_their_first_use() -> None:
    cost = monthly_cost(
        [
            Use("API", "api_gateway.http_requests", 2_000_000),
            Use("Logs", "cloudwatch.logs_gigabytes", 4),
            Use("API", "lambda.requests", 2_000_000),
        ]
    )
    assert list(cost.parts) == ["API", "Logs"]
    assert cost.parts == pytest.approx({"API": 2.40, "Logs": 2.0})
    assert cost.total == pytest.approx(4.40)
    assert cost.not_known == ()


def test_steps_count_what_a_part_uses_together() -> None:
    halves = [Use("People", "cognito.active_people", 6_000), Use("People", "cognito.active_people", 6_000)]
    assert monthly_cost(halves).total == pytest.approx(2_000 * 0.015)


def test_a_price_that_was_not_read_for_the_region_is_named_and_left_out() -> None:
    uses = [Use("API", "lambda.requests", 1_000_000), Use("Topic", "sns.requests", 1_000_000)]
    cost = monthly_cost(uses, region="ap-northeast-1")
    assert cost.not_known == ("lambda.requests", "sns.requests")
    assert (cost.parts, cost.total) == ({"API": 0.0, "Topic": 0.0}, 0.0)


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-1"])
def test_a_price_that_does_not_exist_is_a_mistake_everywhere(region: str) -> None:
    with pytest.raises(NotKnownError, match="none of the prices"):
        monthly_cost([Use("API", "lambda.calls", 1)], region=region)


def test_a_quota_keeps_a_fifth_free() -> None:
    fits = Quota("any", needed=80, default=100)
    assert (fits.fits, fits.ask_for) == (True, 100)
    assert fits.reached_at(1_000) == pytest.approx(1_000)
    over = Quota("any", needed=81, default=100)
    assert (over.fits, over.ask_for) == (False, 162)


def test_a_quota_that_nothing_is_asked_of_is_never_reached() -> None:
    idle, busy = default_quota("idle", "iot.connections", 0), default_quota("busy", "kinesis.shards", 24)
    assert idle.fits
    assert first_reached([idle, busy], 1_000) is busy


def test_a_quota_knows_whether_it_can_be_raised() -> None:
    assert not default_quota("Requests", "api_gateway.requests_a_second", 1).adjustable
    assert default_quota("Connections", "iot.connections", 1).adjustable


def test_estimates_import_nothing_of_the_cdk() -> None:
    code = "import sys, cdp_constructs.estimates; print('aws_cdk' in sys.modules, 'boto3' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]
