"""Handlers of HTTP APIs: whatever is sent is answered, a mistake with its reason and without a word of Python."""

import json
from typing import Any

import pytest
from hypothesis import example, given

from tests.properties.aws import strict_json
from tests.properties.inputs import TEXTS, UNREADABLE, examples, texts
from tests.properties.requests import PYTHON, REQUESTS, SUBJECTS, request
from tests.properties.running import running


def check(answer: Any) -> None:
    """An answer is a success, or says what is wrong with the request."""
    assert 200 <= answer["statusCode"] < 500, answer
    assert not PYTHON.search(answer["body"] or ""), answer["body"]
    if answer["statusCode"] >= 400:
        assert answer["body"]
    strict_json(answer["body"])


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_whatever_its_body_is(name: str) -> None:
    subject, _, _, document = REQUESTS[name]
    with running(SUBJECTS[subject]) as run:

        @examples(25)
        @given(body=texts(document))
        def holds(body: str) -> None:
            check(run.call(request(name, body)))

        for body in (json.dumps(document), *UNREADABLE):
            holds = example(body=body)(holds)
        holds()


@pytest.mark.parametrize("name", ["sign", "upload", "delivery", "command", "room"])
def test_a_header_of_any_kind_is_answered(name: str) -> None:
    subject, _, _, document = REQUESTS[name]
    with running(SUBJECTS[subject]) as run:
        for text in TEXTS:
            for headers in ({"x-note": text, "traceparent": text, "cookie": text}, {text: "x"}, {"content-type": text}):
                check(run.call(request(name, json.dumps(document), headers=headers)))


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("body", ["=", "a", "é", "/w==", "\ud800", "x" * 5])
def test_a_body_that_is_no_base64_or_no_text_is_answered(name: str, body: str) -> None:
    with running(SUBJECTS[REQUESTS[name][0]]) as run:
        check(run.call(request(name, body, encoded=True)))


@pytest.mark.parametrize("name", ["command of a long id", "large arguments", "desired that is refused"])
def test_a_mistake_in_a_command_is_the_callers(name: str) -> None:
    subject, _, _, document = REQUESTS[name]
    with running(SUBJECTS[subject]) as run:
        answer = run.call(request(name, json.dumps(document)))
    assert 400 <= answer["statusCode"] < 500
    assert json.loads(answer["body"])["message"]


@pytest.mark.parametrize("name", ["sign", "upload", "delivery", "command", "desired", "room"])
def test_the_request_that_is_altered_is_answered_well_as_it_is(name: str) -> None:
    subject, _, _, document = REQUESTS[name]
    with running(SUBJECTS[subject]) as run:
        assert 200 <= run.call(request(name, json.dumps(document)))["statusCode"] < 300
