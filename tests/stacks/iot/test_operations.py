"""Whoever is woken up finds a page, a dashboard with everything on it, and one state."""

import pytest

from cdp_constructs.testing import Synthesis
from stacks.iot.config import MOST_SITE_OPERATORS
from stacks.iot.operations import RUNBOOKS
from tests.stacks import runbooks
from tests.stacks.iot.architectures import as_configured
from tests.stacks.iot.test_stacks import everything

PAGES = runbooks.pages(RUNBOOKS)


def test_every_alarm_names_a_page_that_exists_and_every_page_has_an_alarm(synthesis: Synthesis) -> None:
    runbooks.check_that_alarms_and_pages_name_each_other(synthesis(everything).templates, RUNBOOKS)


def test_pages_say_what_the_alarm_means_in_each_place(synthesis: Synthesis) -> None:
    runbooks.check_that_pages_have_a_row_for_each_place([synthesis(everything).result], RUNBOOKS)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_says_what_it_means_how_to_see_and_what_to_do_or_replay(page: str) -> None:
    runbooks.check_that_a_page_is_whole(page)


@pytest.mark.parametrize("page", sorted(PAGES | {f"{RUNBOOKS}/index.md"}))
def test_commands_name_one_resource_each(page: str, synthesis: Synthesis) -> None:
    runbooks.check_that_commands_name_one_resource_each(page, synthesis(everything).templates["WholeIot"])


def test_the_page_says_how_old_the_news_is(synthesis: Synthesis) -> None:
    page = f"{RUNBOOKS}/dead-letter-queue.md"
    runbooks.check_that_pages_say_how_old_the_news_is(page, synthesis(everything).templates.values())


def test_one_alarm_goes_off_with_any_other(synthesis: Synthesis) -> None:
    runbooks.check_that_one_alarm_goes_off_with_any_other(synthesis(as_configured).templates["Iot"])


def test_one_alarm_has_room_for_the_operators_of_as_many_sites_as_may_be(synthesis: Synthesis) -> None:
    template = synthesis(everything).templates["WholeIot"]
    alarms = runbooks.resources(template, "AWS::CloudWatch::Alarm")
    of_a_site = [name for name in alarms if name.startswith("SiteOperatorsReportsFanouthome")]
    composite = runbooks.only(template, "AWS::CloudWatch::CompositeAlarm")
    written = sum(len(part) for part in composite["AlarmRule"]["Fn::Join"][1] if isinstance(part, str))
    most = len(alarms) + len(of_a_site) * (MOST_SITE_OPERATORS - 2)
    assert of_a_site
    assert most <= runbooks.MOST_CHILDREN
    assert most * (written / len(alarms) + runbooks.LONGEST_ARN) <= runbooks.LONGEST_RULE


def test_every_queue_function_and_alarm_is_on_the_dashboard(synthesis: Synthesis) -> None:
    body = runbooks.check_that_everything_is_on_the_dashboard(synthesis(as_configured).templates["Iot"])
    for metric in ("Connect.Success", "PublishIn.AuthError", "TopicMatch", "DeliveryToS3.DataFreshness"):
        assert metric in body
