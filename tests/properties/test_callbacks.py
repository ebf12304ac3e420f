"""What a device receives: no message, job, desired state or answer ends it or its connection."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdp_device.identity import Identity
from cdp_device.provisioning import CREATE, request_identity
from cdp_device.sensors import SimulatedHygrometer
from cdp_device.session import RejectedError
from tests.properties.aws import UnreadableOutputError, strict_json
from tests.properties.devices import (
    COMMANDS,
    CONFIGURATION,
    JOBS,
    RESPONSES,
    SHADOW,
    THING,
    Broker,
    Running,
    connected,
    identity,
    loop_of,
)
from tests.properties.inputs import UNREADABLE, altered, examples, texts, written

TEMPLATE = "$aws/provisioning-templates/t/provision/json"
COMMAND = {"session": "bad", "command": "ping", "arguments": {"n": 1}, "expires_at": 4e9, "traceparent": "t"}
DESIRED = {"interval_seconds": 5, "humidifier": True}


def payloads(document: Any) -> st.SearchStrategy[bytes]:
    """Return payloads: texts that nearly are the document, and bytes that are no text."""
    return texts(document).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=20)


@pytest.mark.parametrize(
    ("topic", "document"),
    [
        *((topic, COMMAND) for topic in COMMANDS),
        (f"{JOBS}/notify-next", {"timestamp": 1, "execution": {"jobId": "j", "jobDocument": COMMAND}}),
        (f"{SHADOW}/update/delta", {"version": 1, "state": DESIRED}),
    ],
    ids=["command", "broadcast to a context", "broadcast to all", "job", "delta"],
)
def test_a_message_costs_only_itself(topic: str, document: Any, tmp_path: Path) -> None:
    with loop_of(tmp_path, Broker()) as (runner, running):

        @examples(8)
        @given(payload=payloads(document))
        def holds(payload: bytes) -> None:
            running.broker.send(topic, payload)
            runner.run(running.is_well())
            running.broker.published.clear()

        for text in (*UNREADABLE, written({**COMMAND, "arguments": {"n": float("inf")}}), "x" * 131_072):
            holds = example(payload=text.encode("utf-8", "surrogatepass"))(holds)
        holds()


def test_a_response_that_would_end_the_connection_is_a_failure_instead(tmp_path: Path) -> None:
    with loop_of(tmp_path, Broker()) as (runner, running):
        for arguments in ({"text": "x" * 131_000}, {"text": "\u65e5" * 43_670}):
            running.broker.send(
                COMMANDS[0], json.dumps({**COMMAND, "arguments": arguments}, ensure_ascii=False).encode()
            )
        runner.run(running.is_well())
        first, second, _ = running.broker.of(RESPONSES)
    for answer in (first, second):
        assert (answer["session"], answer["status"]) == ("bad", "failed")
        assert "131072 fit" in answer["reason"]


def test_a_job_costs_only_itself(tmp_path: Path) -> None:
    broker = Broker()
    with loop_of(tmp_path, broker) as (runner, running):

        @examples(12)
        @given(document=altered(COMMAND).filter(is_json))
        def holds(document: Any) -> None:
            outcomes = run_job(runner, running, document)
            assert len(outcomes) == 1

        strange: list[Any] = [None, [], 7, "text", {}, {"command": "break"}]
        for document in strange:
            holds = example(document=document)(holds)

        async def broken(_session: Any, _arguments: Any) -> Mapping[str, Any]:
            raise ValueError("a\r\nb\x00\u202e" + "x" * 3000)

        running.device.commands["break"] = broken
        holds()


def is_json(document: Any) -> bool:
    """Whether AWS IoT would make a job of a document."""
    try:
        strict_json(written(document))
    except UnreadableOutputError:
        return False
    return True


def run_job(runner: asyncio.Runner, running: Running, document: Any) -> list[Any]:
    """Let a device execute a job, and return the outcomes that AWS IoT takes."""
    broker = running.broker
    waiting = [{"jobId": "j", "jobDocument": document}]
    taken: list[Any] = []

    def start(_request: Any) -> tuple[str, Any]:
        return "accepted", {"execution": waiting[0]} if waiting else {}

    def update(request: Any) -> tuple[str, Any]:
        # https://docs.aws.amazon.com/iot/latest/apireference/API_iot-jobs-data_UpdateJobExecution.html
        details = request["statusDetails"].values()
        if not all(len(text) <= 1024 and text.isprintable() for text in details):
            return "rejected", {"code": "InvalidRequest"}
        waiting.clear()
        taken.append(request)
        return "accepted", {}

    broker.answers |= {f"{JOBS}/start-next": start, f"{JOBS}/j/update": update}
    broker.send(f"{JOBS}/notify-next", b'{"execution": {"jobId": "j"}}')
    runner.run(running.is_well())
    broker.published.clear()
    return taken


@pytest.mark.parametrize(
    "code", ["InvalidStateTransition", "TerminalStateReached", "ResourceNotFound", "InvalidRequest"]
)
def test_a_job_whose_outcome_is_refused_does_not_keep_a_device_from_its_commands(code: str, tmp_path: Path) -> None:
    broker = Broker()
    broker.answers |= {
        f"{JOBS}/start-next": lambda _: ("accepted", {"execution": {"jobId": "j", "jobDocument": COMMAND}}),
        f"{JOBS}/j/update": lambda _: ("rejected", {"code": code}),
    }
    with loop_of(tmp_path, broker) as (runner, running):
        runner.run(running.is_well())
        assert len(broker.of(f"{JOBS}/j/update")) == 1


@pytest.mark.parametrize("code", ["InternalError", "RequestThrottled"])
def test_an_outcome_that_could_not_be_taken_is_tried_on_the_next_connection(code: str, tmp_path: Path) -> None:
    broker = Broker()
    broker.answers |= {
        f"{JOBS}/start-next": lambda _: ("accepted", {"execution": {"jobId": "j", "jobDocument": COMMAND}}),
        f"{JOBS}/j/update": lambda _: ("rejected", {"code": code}),
    }
    with pytest.raises(RejectedError, match=code), loop_of(tmp_path, broker):
        pass


@pytest.mark.parametrize(
    "shadow",
    [{}, {"state": None}, {"state": 7}, {"state": {"desired": None}}, {"state": {"desired": [DESIRED]}}],
    ids=repr,
)
def test_a_shadow_that_cannot_be_applied_does_not_keep_a_device_from_its_commands(shadow: Any, tmp_path: Path) -> None:
    broker = Broker()
    broker.answers[f"{SHADOW}/get"] = lambda _: ("accepted", shadow)
    with loop_of(tmp_path, broker) as (runner, running):
        runner.run(running.is_well())


@pytest.mark.parametrize("answer", [b"null", b"7", b"[]", b'"text"', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("outcome", ["accepted", "rejected"])
def test_an_answer_that_is_no_object_is_none(answer: bytes, outcome: str) -> None:
    async def ask() -> None:
        broker = Broker()
        broker.answers["topic"] = lambda _: (outcome, answer)
        async with connected(broker) as session:
            session._patience = 0.05
            with pytest.raises(TimeoutError):
                await session.ask("topic", {})
            assert not session.ended.done()

    asyncio.run(ask())


def accepted(answer: Any, _request: Any) -> tuple[str, Any]:
    return "accepted", answer


def test_an_identity_is_whole_or_refused() -> None:
    registered = {"thingName": THING, "deviceConfiguration": CONFIGURATION}
    issued = {"certificateId": "c", "certificatePem": "CERT", "certificateOwnershipToken": "token"}

    async def provisioned(answers: Mapping[str, Any]) -> Identity | None:
        broker = Broker()
        for topic, answer in answers.items():
            broker.answers[topic] = partial(accepted, answer)
        async with connected(broker) as session:
            session._patience = 0.05
            try:
                return await request_identity(session, THING, "t")
            except (RejectedError, TimeoutError):
                return None

    with asyncio.Runner() as runner:
        made = runner.run(provisioned({CREATE: issued, TEMPLATE: registered}))
        assert made is not None
        assert made.configuration.context == "home"

        @examples(12)
        @given(first=st.just(issued) | altered(issued), second=altered(registered))
        def holds(first: Any, second: Any) -> None:
            found = runner.run(provisioned({CREATE: first, TEMPLATE: second}))
            if found is not None:
                topics, configuration = found.configuration.topics(), found.configuration
                assert topics.command(configuration.context, found.thing)
                assert configuration.telemetry_topic(found.thing, "climate")
                assert Identity.model_validate_json(found.model_dump_json()) == found

        strange = {**issued, "certificateOwnershipToken": float("inf")}
        example(first=strange, second=registered)(holds)()


@pytest.mark.parametrize("reading", [float("nan"), float("inf")])
def test_a_sensor_that_reads_no_number_is_one_that_does_not_answer(reading: float, tmp_path: Path) -> None:
    class Broken(SimulatedHygrometer):
        def read(self) -> Mapping[str, float]:
            return {"temperature": reading}

    with loop_of(tmp_path, Broker()) as (_, running):
        running.device._hardware = Broken()
        with pytest.raises(OSError, match="no finite number: temperature"):
            running.device.measure()


def test_what_can_never_be_published_is_refused_where_it_is_sent_and_holds_up_nothing(tmp_path: Path) -> None:
    broker = Broker()
    with loop_of(tmp_path, broker) as (runner, running):
        device = running.device
        for wrong in ({"value": float("nan")}, {"value": float("-inf")}, {"text": "\ud800"}, {"text": "x" * 131_072}):
            with pytest.raises(ValueError, match=r"131072 fit|not JSON compliant|surrogates not allowed"):
                device.send("climate", wrong)
        # An earlier version kept what it could not publish.
        device.outbox._database.execute("INSERT INTO messages (kind, document) VALUES ('climate', '{\"value\": NaN}')")
        device.send("no/level", {"number": 1})
        device.send("climate", {"number": 2})

        async def send() -> None:
            sending = asyncio.create_task(device._send_always(running.session, identity()))
            async with asyncio.timeout(5):
                while not broker.published or broker.published[-1][1] != {"number": 2}:
                    broker.progress.clear()
                    await broker.progress.wait()
            sending.cancel()

        runner.run(send())
    assert broker.of("$aws/rules/Climate/dt/sensors/home/s1/climate") == [{"number": 2}]
