"""The chat's templates give nobody more than is needed, and keep data and secrets to themselves."""

from typing import Any

from cdp_constructs.testing import Synthesis
from tests.stacks.chat.test_stacks import one_region_in_a_stage, routed, two_regions
from tests.stacks.exposure import exposed


def test_nothing_is_exposed(synthesis: Synthesis) -> None:
    templates: dict[str, Any] = {}
    for build in (two_regions, routed, one_region_in_a_stage):
        templates |= synthesis(build).templates
    assert len(templates) > 10
    assert exposed(templates) == []
