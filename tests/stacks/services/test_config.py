"""The key ``services`` of the context is checked before anything is built."""

from typing import Any

import pytest

from stacks.services.config import ConfigurationError, ServicesConfiguration


def test_the_defaults_run_in_tokyo_with_copies_in_oregon() -> None:
    configuration = ServicesConfiguration.from_context(None)
    assert (configuration.region, configuration.copy_region) == ("ap-northeast-1", "us-west-2")
    assert [one.option for one in configuration.placeholders] == ["services.alarm_email"]


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"region": "nowhere"}, "services: region"),
        ({"copy_region": "nowhere"}, "services: region"),
        ({"region": "us-west-2"}, "copy_region is 'us-west-2', where the services run"),
        ({"alarm_email": "nobody"}, "services: alarm_email"),
        ({"regions": []}, "has 'regions', which nothing reads"),
    ],
)
def test_what_cannot_be_used_is_told(context: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ServicesConfiguration.from_context(context)
