"""The function of Firehose: a record that is no log event costs only itself, and every event is a line."""

import base64
import gzip
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.properties.inputs import UNREADABLE, examples, texts
from tests.properties.running import Run, Subject, running

LOG_LINES = Subject(package="cdp_constructs.data.handlers.log_lines")


def sent(*messages: str) -> dict[str, Any]:
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "group",
        "logStream": "stream",
        "subscriptionFilters": ["orders"],
        "logEvents": [{"id": str(n), "timestamp": n, "message": message} for n, message in enumerate(messages)],
    }


def compressed(text: str) -> bytes:
    return gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0)


def lines(answer: dict[str, Any]) -> list[dict[str, Any]]:
    text = gzip.decompress(base64.b64decode(answer["data"])).decode()
    # Not splitlines(): a message may have what Unicode takes for the end of a line.
    return [json.loads(line) for line in text.split("\n") if line]


def send(run: Run, raw: bytes) -> dict[str, Any]:
    """Let a record come between two that are healthy: those are done; return what became of it."""
    healthy = compressed(json.dumps(sent("well")))
    records = [
        {"recordId": name, "approximateArrivalTimestamp": 1, "data": base64.b64encode(data).decode()}
        for name, data in (("first", healthy), ("bad", raw), ("last", healthy))
    ]
    first, bad, last = run.call({"records": records})["records"]
    assert [(one["recordId"], one["result"]) for one in (first, last)] == [("first", "Ok"), ("last", "Ok")]
    assert first["metadata"]["partitionKeys"] == last["metadata"]["partitionKeys"] == {"service": "orders"}
    assert bad["recordId"] == "bad"
    return bad  # type: ignore[no-any-return]


def test_a_record_costs_only_itself() -> None:
    with running(LOG_LINES) as run:

        @examples(40)
        @given(body=texts(sent("bad")))
        def holds(body: str) -> None:
            bad = send(run, compressed(body))
            assert bad["result"] in {"Ok", "Dropped", "ProcessingFailed"}
            if bad["result"] == "Ok":
                read = json.loads(body)
                assert bad["metadata"]["partitionKeys"] == {"service": read["subscriptionFilters"][0]}
                assert {line["log_group"] for line in lines(bad)} <= {read["logGroup"]}

        for body in (*UNREADABLE, json.dumps({**sent("bad"), "subscriptionFilters": ["0"]})):
            holds = example(body=body)(holds)
        holds()


def test_bytes_that_are_not_compressed_cost_only_themselves() -> None:
    with running(LOG_LINES) as run:

        @examples(20)
        @given(raw=st.binary(max_size=64))
        def holds(raw: bytes) -> None:
            assert send(run, raw)["result"] == "ProcessingFailed"

        holds()


def test_whatever_is_logged_is_one_line_with_the_same_text() -> None:
    with running(LOG_LINES) as run:

        @examples(40)
        @given(messages=st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), max_size=5))
        def holds(messages: list[str]) -> None:
            found = lines(send(run, compressed(json.dumps(sent(*messages)))))
            assert [line["message"] for line in found] == messages

        holds()
