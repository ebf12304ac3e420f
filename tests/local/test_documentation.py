"""docs/local-cloud.md says what the labels say, and documents what the command line exits with."""

import re

from cdp_constructs.cli.local import ExitCode
from cdp_constructs.local.coverage.labels import LABELS
from tools.support_table import PAGE, page_with_table, support_table


def test_the_table_of_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page_with_table(), "run `python -m tools.support_table`"


def test_every_reason_is_in_the_table() -> None:
    table = support_table()
    assert {label.reason for label in LABELS.values() if label.reason not in table} == set()


def test_every_exit_code_is_documented() -> None:
    section = PAGE.read_text().partition("| exit code |")[2].partition("## ")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)} == {
        int(code) for code in ExitCode
    }
