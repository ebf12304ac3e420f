"""A threshold that is no number is refused: no value would ever cross it."""

import math

import pytest

from stacks.iot.config import ConfigurationError, IotConfiguration


@pytest.mark.parametrize("limit", [math.nan, math.inf])
def test_a_threshold_is_a_number(limit: float) -> None:
    threshold = {"name": "TooHot", "measure": "temperature", "above": limit}
    with pytest.raises(ConfigurationError, match=r"thresholds\.0\.above is (nan|inf)"):
        IotConfiguration.from_context({"thresholds": [threshold]})


def test_what_should_be_a_list_or_an_object_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match=r"sites is 'home'\. Give a list") as caught:
        IotConfiguration.from_context({"sites": "home", "thresholds": [5]})
    assert "thresholds.0 is 5. Give an object" in str(caught.value)
