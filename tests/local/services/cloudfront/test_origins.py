"""CloudFront: functions, APIs of this cloud as origins, and origin groups."""

from collections.abc import Iterator
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from tests.local.services.cloudfront.shop import Browser, opened


@pytest.fixture(scope="module")
def browser(cloud: LocalCloud, stacks: Any) -> Iterator[Browser]:
    with opened(cloud, stacks) as shop:
        yield shop


def test_functions_change_requests_and_answers_and_answer_themselves(browser: Browser) -> None:
    moved = browser.get("/old")
    assert (moved.status_code, moved.headers["location"]) == (301, "/new")
    assert browser.get("/index.html").headers["x-seen"] == "/index.html"
    assert browser.get("/broken").status_code == 503


def test_a_missing_object_is_404_only_where_the_bucket_may_be_listed(browser: Browser) -> None:
    assert browser.get("/none.txt").status_code == 404
    assert browser.get("/unlisted/none.txt").status_code == 403


def test_an_api_of_this_cloud_answers_behind_a_distribution(browser: Browser) -> None:
    answer = browser.get("/api/carts/7%2F8?x=1&x=2", Authorization="Bearer token", Cookie="a=b")
    seen = answer.json()
    assert (answer.status_code, seen["path"], seen["query"]) == (200, "/carts/7/8", "x=1&x=2")
    assert seen["headers"]["authorization"] == "Bearer token"
    assert seen["headers"]["host"].endswith(".execute-api.us-east-1.amazonaws.com"), (
        "the origin's own, not the viewer's"
    )


def test_a_second_origin_answers_when_the_first_one_fails(browser: Browser) -> None:
    assert browser.get("/either/page.txt").text == "either/page.txt"
    assert browser.get("/either/none.txt").status_code == 404, "of the last one"
