"""What an alarm makes of missing data: the examples of AWS's documentation.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import pytest

from cdp_constructs.local.services.cloudwatch.conditions import Condition

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
OK, ALARM, INSUFFICIENT, KEEP = "OK", "ALARM", "INSUFFICIENT_DATA", None


def values(text: str) -> list[float | None]:
    """`0` is a value that does not breach, `X` one that does, `-` none."""
    return [{"0": 0.0, "X": 10.0, "-": None}[sign] for sign in text.split()]


def states(text: str, *, breaching: int) -> list[str | None]:
    return [
        Condition("GreaterThanOrEqualToThreshold", 10, 3, breaching, treatment).state(values(text))
        for treatment in TREATMENTS
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0 - X - X", [OK, OK, OK, OK]),
        ("- - - - 0", [OK, OK, OK, OK]),
        ("- - - - -", [INSUFFICIENT, KEEP, ALARM, OK]),
        ("0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
        ("- - X - -", [ALARM, KEEP, ALARM, OK]),
    ],
)
def test_three_of_three(data: str, expected: list[str | None]) -> None:
    assert states(data, breaching=3) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
        ("0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
        ("0 - X - -", [OK, OK, ALARM, OK]),
        ("- - - - 0", [OK, OK, ALARM, OK]),
        ("- - - X -", [ALARM, KEEP, ALARM, OK]),
    ],
)
def test_two_of_three(data: str, expected: list[str | None]) -> None:
    assert states(data, breaching=2) == expected


def test_a_band_of_expected_values_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="GreaterThanUpperThreshold"):
        Condition.of({"ComparisonOperator": "GreaterThanUpperThreshold"})
