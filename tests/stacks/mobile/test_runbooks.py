"""Each alarm of the mobile backend names a page that says what to do."""

import pytest

from cdp_constructs.testing import Synthesis
from stacks.mobile import RUNBOOKS
from tests.stacks import runbooks
from tests.stacks.mobile.architectures import mobile

PAGES = sorted(runbooks.pages(RUNBOOKS))


def test_alarms_and_pages_name_each_other(synthesis: Synthesis) -> None:
    runbooks.check_that_alarms_and_pages_name_each_other(synthesis(mobile).templates, RUNBOOKS)


def test_pages_have_a_row_for_each_place(synthesis: Synthesis) -> None:
    runbooks.check_that_pages_have_a_row_for_each_place(synthesis(mobile).result, RUNBOOKS)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole(page: str) -> None:
    runbooks.check_that_a_page_is_whole(page)


@pytest.mark.parametrize("page", [*PAGES, f"{RUNBOOKS}/index.md"])
def test_commands_name_one_resource_each(page: str, synthesis: Synthesis) -> None:
    runbooks.check_that_commands_name_one_resource_each(page, *synthesis(mobile).templates.values())
