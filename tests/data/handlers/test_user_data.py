"""What the store of users' documents does with requests, and with a DynamoDB that does not take them."""

from typing import Any

import pytest

from tests.aws.documented import http_request, refusal, run
from tests.properties.user_data import SUBJECT, Server, serving

DOCUMENT = {"content-type": "application/json", "if-none-match": "*"}


def answer(method: str, answers: dict[str, Any], **headers: str) -> dict[str, Any]:
    event = http_request(method, "/documents/a", "1", claims={"sub": "anna"})
    event["headers"] = {**headers}
    event["pathParameters"] = {"key": "a"}
    found, _ = run(event, SUBJECT.package, answers, **SUBJECT.environment)
    return dict(found)


@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactWriteItems"])
def test_who_is_throttled_is_asked_to_call_again(operation: str) -> None:
    answers = {"BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}}}
    answers[operation] = refusal("ProvisionedThroughputExceededException")
    found = answer("PUT", answers, **DOCUMENT)
    assert (found["statusCode"], found["headers"]["Retry-After"]) == (503, "1")


def test_another_fault_is_raised_so_that_the_alarm_of_the_api_sees_it() -> None:
    with pytest.raises(Exception, match="AccessDeniedException"):
        answer("PUT", {"BatchGetItem": refusal("AccessDeniedException")}, **DOCUMENT)


@pytest.fixture(scope="module")
def server() -> Any:
    with serving(DOCUMENTS_PER_USER="2", BYTES_PER_USER="8000", WRITES_PER_MINUTE="5") as found:
        yield found


def test_a_deletion_names_what_it_deletes(server: Server) -> None:
    server.reset()
    refused = server.client().delete("/a", headers={"If-None-Match": "*"})
    assert (refused.status_code, server.table.documents) == (400, {})


def test_a_document_that_is_deleted_and_made_again_never_has_a_version_twice(server: Server) -> None:
    server.reset()
    client = server.client()
    first = client.put("/a", content=b"1", headers=DOCUMENT).headers["etag"]
    deleted = client.delete("/a", headers={"If-Match": first}).headers["etag"]
    second = client.put("/a", content=b"2", headers=DOCUMENT).headers["etag"]
    assert len({first, deleted, second}) == 3
    headers = {"content-type": "application/json", "If-Match": first}
    conflict = client.put("/a", content=b"3", headers=headers)
    assert (conflict.status_code, conflict.json()["current"]["version"]) == (412, 3)


def test_a_write_that_is_repeated_after_another_one_is_known(server: Server) -> None:
    server.reset()
    client = server.client()
    named = {**DOCUMENT, "Idempotency-Key": "phone/1"}
    first = client.put("/a", content=b"1", headers=named).headers["etag"]
    other = {"content-type": "application/json", "If-Match": first, "Idempotency-Key": "tablet/1"}
    assert client.put("/a", content=b"2", headers=other).status_code == 200
    again = client.put("/a", content=b"1", headers=named)
    assert (again.status_code, again.headers["etag"]) == (201, first)
    assert client.get("/a").text == "2"


def test_quotas_count_what_there_is_and_let_users_make_room(server: Server) -> None:
    server.reset()
    client = server.client()
    large = b'"' + b"x" * 3_998 + b'"'
    etags = [client.put(f"/{key}", content=large, headers=DOCUMENT).headers["etag"] for key in "ab"]
    assert client.put("/c", content=b"1", headers=DOCUMENT).status_code == 403
    headers = {"content-type": "application/json", "If-Match": etags[0]}
    assert client.put("/a", content=b"1", headers=headers).status_code == 200
    assert server.table.counter("anna").documents == 2


def test_a_minute_has_so_many_writes_and_the_next_one_begins_anew(server: Server) -> None:
    server.reset()
    client = server.client()
    etag = client.put("/a", content=b"0", headers=DOCUMENT).headers["etag"]
    for number in range(4):
        headers = {"content-type": "application/json", "If-Match": etag}
        etag = client.put("/a", content=str(number).encode(), headers=headers).headers["etag"]
    headers = {"content-type": "application/json", "If-Match": etag}
    refused = client.put("/a", content=b"9", headers=headers)
    assert (refused.status_code, int(refused.headers["retry-after"])) == (429, 60 - int(server.now) % 60)
    server.now += 60
    assert client.put("/a", content=b"9", headers=headers).status_code == 200


@pytest.mark.parametrize("token", ["x", "MTo5OTk6MTgwMDAwMDAwMA", "", "é"])
def test_a_token_that_is_none_or_of_another_time_is_refused(server: Server, token: str) -> None:
    server.reset()
    # One of a change that there is not: the table was restored to an earlier time.
    assert server.client().get("", params={"since": token}).status_code in {400, 410}


def test_a_token_is_good_for_ninety_days(server: Server) -> None:
    server.reset()
    client = server.client()
    token = client.get("").json()["token"]
    server.now += 90 * 86_400 - 1
    assert client.get("", params={"since": token}).status_code == 200
    server.now += 1
    assert client.get("", params={"since": token}).status_code == 410
