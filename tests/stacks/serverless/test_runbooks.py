"""Each alarm of the price lists names a page that says what to do."""

import pytest

from cdp_constructs.testing import Synthesis
from stacks.serverless import RUNBOOKS
from tests.stacks import runbooks
from tests.stacks.serverless.architectures import price_lists

PAGES = sorted(runbooks.pages(RUNBOOKS))


def test_alarms_and_pages_name_each_other(synthesis: Synthesis) -> None:
    runbooks.check_that_alarms_and_pages_name_each_other(synthesis(price_lists).templates, RUNBOOKS)


def test_pages_have_a_row_for_each_place(synthesis: Synthesis) -> None:
    runbooks.check_that_pages_have_a_row_for_each_place(synthesis(price_lists).result.values(), RUNBOOKS)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole(page: str) -> None:
    runbooks.check_that_a_page_is_whole(page)


@pytest.mark.parametrize("page", [*PAGES, f"{RUNBOOKS}/index.md"])
def test_commands_name_one_resource_each(page: str, synthesis: Synthesis) -> None:
    runbooks.check_that_commands_name_one_resource_each(page, *synthesis(price_lists).templates.values())


def test_the_page_of_failed_messages_says_how_old_the_news_is(synthesis: Synthesis) -> None:
    page = f"{RUNBOOKS}/dead-letter-queue.md"
    runbooks.check_that_pages_say_how_old_the_news_is(page, synthesis(price_lists).templates.values())
