"""Whoever is woken up finds a page, a dashboard with everything on it, and one state per Region."""

import pytest

from cdp_constructs.testing import Synthesis
from stacks.chat.operations import RUNBOOKS
from tests.stacks import runbooks
from tests.stacks.chat.architectures import two_regions
from tests.stacks.chat.test_stacks import AWAY, HOME, routed

PAGES = runbooks.pages(RUNBOOKS)


# With notices the one, with the routing the other: together they have every alarm.
BOTH = (routed, two_regions)


def templates(synthesis: Synthesis) -> dict[str, runbooks.Template]:
    return {name: template for build in BOTH for name, template in synthesis(build).templates.items()}


def test_every_alarm_names_a_page_that_exists_and_every_page_has_an_alarm(synthesis: Synthesis) -> None:
    runbooks.check_that_alarms_and_pages_name_each_other(templates(synthesis), RUNBOOKS)


def test_pages_say_what_the_alarm_means_in_each_place(synthesis: Synthesis) -> None:
    stacks = [stack for build in BOTH for stack in synthesis(build).result.values()]
    runbooks.check_that_pages_have_a_row_for_each_place(stacks, RUNBOOKS)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_says_what_it_means_how_to_see_and_what_to_do_or_replay(page: str) -> None:
    runbooks.check_that_a_page_is_whole(page)


@pytest.mark.parametrize("page", sorted(PAGES | {f"{RUNBOOKS}/index.md"}))
def test_commands_name_one_resource_each(page: str, synthesis: Synthesis) -> None:
    regions = (synthesis(routed).templates["RoutedChat-us-west-2"], synthesis(two_regions).templates["Chat-us-west-2"])
    runbooks.check_that_commands_name_one_resource_each(page, *regions)


@pytest.mark.parametrize("name", ["dead-letter-queue", "timer-dead-letter-queue", "feedback-dead-letter-queue"])
def test_pages_say_how_old_the_news_is(name: str, synthesis: Synthesis) -> None:
    runbooks.check_that_pages_say_how_old_the_news_is(f"{RUNBOOKS}/{name}.md", templates(synthesis).values())


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_one_alarm_of_the_region_goes_off_with_any_other(synthesis: Synthesis, stack: str) -> None:
    runbooks.check_that_one_alarm_goes_off_with_any_other(synthesis(two_regions).templates[stack])


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_every_queue_function_and_alarm_is_on_the_dashboard(synthesis: Synthesis, stack: str) -> None:
    body = runbooks.check_that_everything_is_on_the_dashboard(synthesis(two_regions).templates[stack])
    assert "ActiveConnections" in body
