"""Prices and quotas: where they come from, and what is said of one that nobody has read."""

import re
from datetime import date
from pathlib import Path

import pytest

import cdp_constructs
from cdp_constructs.estimates import REGION, Figure, NotKnownError, figures, price, quota

ROOT = Path(__file__).parents[2]
EACH = [*figures("prices").values(), *figures("quotas").values()]


@pytest.mark.parametrize("figure", EACH, ids=lambda figure: figure.name)
def test_each_has_a_value_a_unit_a_source_and_a_date(figure: Figure) -> None:
    assert figure.value > 0
    assert figure.unit
    assert figure.source.startswith("https://")
    assert date(2026, 1, 1) < figure.read < date(2100, 1, 1)
    assert figure.region == REGION
    assert figure.each >= 1


def test_each_is_read_by_something() -> None:
    code = "".join(
        path.read_text() for folder in ("cdp_constructs", "stacks") for path in sorted((ROOT / folder).rglob("*.py"))
    )
    # Instances and nodes are looked up by their type; table capacity by what is read or written.
    by_type = re.compile(r"(rds\.db|elasticache\.cache)\.|dynamodb\.(read|write)(s|_unit_hours)$")
    unused = {figure.name for figure in EACH if f'"{figure.name}"' not in code and not by_type.search(figure.name)}
    assert unused <= NOT_YET_ASKED_FOR


NOT_YET_ASKED_FOR = {
    "api_gateway.rest_requests",
    "cloudwatch.metrics",
    "s3.gets",
    "sqs.fifo_requests",
    "sqs.in_flight",
    "waf.requests",
}


def test_a_price_with_steps_costs_less_for_what_comes_later() -> None:
    messages = price("iot.messages")
    assert messages.of(1_000_000_000) == pytest.approx(1_000)
    assert messages.of(6_000_000_000) == pytest.approx(1_000 + 3_200 + 700)
    people = price("cognito.active_people")
    assert people.of(10_000) == 0
    assert people.of(10_001) == pytest.approx(0.015)


def test_a_price_is_for_as_many_as_it_says() -> None:
    assert price("s3.puts").of(2_000) == pytest.approx(0.01)
    assert price("kms.keys").of(3) == pytest.approx(3)


def test_a_region_has_its_own_quota_where_it_was_read() -> None:
    assert quota("sns.messages_a_second").value == 30_000
    tokyo = quota("sns.messages_a_second", region="ap-northeast-1")
    assert (tokyo.value, tokyo.region) == (1_500, "ap-northeast-1")


def test_what_nobody_has_read_is_refused_with_what_is_known() -> None:
    with pytest.raises(NotKnownError, match=r"'sns.messages_a_second' was not read for sa-east-1; known for us-east-1"):
        quota("sns.messages_a_second", region="sa-east-1")
    with pytest.raises(NotKnownError, match=r"'lambda.request' is none of the prices in aws.toml; 'lambda.requests'"):
        price("lambda.request")
    with pytest.raises(NotKnownError, match=r"'zzz' is none of the quotas in aws.toml$"):
        quota("zzz")


def test_the_file_is_beside_the_code_of_the_wheel() -> None:
    assert (Path(cdp_constructs.__file__).parent / "estimates" / "aws.toml").is_file()
