"""The parts of a device that need no cloud: what it keeps, what it measures, what it is told."""

import asyncio
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from pydantic import ValidationError

from cdp_device.__main__ import main
from cdp_device.commands import execute
from cdp_device.device import Device
from cdp_device.identity import Identity, IdentityStore, make_key, signing_request
from cdp_device.outbox import Outbox
from cdp_device.sensors import Hygrometer, SimulatedChair, SimulatedHygrometer
from cdp_device.session import RejectedError
from cdp_device.settings import Configuration, Settings

CONFIGURATION = {
    "app": "sensors",
    "context": "home",
    "kind": "device",
    "template": "t",
    "renew_after_days": "30",
    "ingest": "certificate=InUse,climate=Climate,*=Rest",
}


def identity(certificate_id: str = "c1", **more: Any) -> Identity:
    document = {
        "thing": "s1",
        "certificate_id": certificate_id,
        "certificate": "CERT\n",
        "key": "KEY\n",
        "issued_at": 0,
        "configuration": CONFIGURATION,
        **more,
    }
    return Identity.model_validate(document)


def settings(folder: Path, **more: Any) -> Settings:
    document = {
        "endpoint": "localhost",
        "ca_file": folder / "ca.pem",
        "claim_file": folder / "claim.pem",
        "template": "t",
        "serial_number": "s1",
        "state_folder": folder / "state",
        **more,
    }
    return Settings.model_validate(document)


def test_identity_is_for_its_owner_only_and_survives_a_restart(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path / "state")
    assert store.current() is None
    store.keep(identity())
    assert IdentityStore(tmp_path / "state").current() == identity()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    for file in (tmp_path / "state/identity.json", store.pem_file(identity())):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert store.pem_file(identity()).read_text() == "CERT\nKEY\n"


def test_next_identity_waits_beside_the_one_in_use(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.keep(identity("c1"))
    store.keep_next(identity("c2"))
    assert (store.current(), store.next()) == (identity("c1"), identity("c2"))
    store.promote()
    assert (store.current(), store.next()) == (identity("c2"), None)
    store.keep_next(identity("c3"))
    store.drop_next()
    assert store.next() is None


def test_write_that_was_cut_off_leaves_the_old_identity(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    store.keep(identity())
    (tmp_path / ".identity.json").write_text('{"thing": "s')
    assert store.current() == identity()


def test_signing_request_is_for_the_key_and_has_no_part_of_it() -> None:
    key = make_key()
    request = signing_request(key, "s1")
    assert x509.load_pem_x509_csr(request.encode()).is_signature_valid
    assert "PRIVATE" not in request


def test_certificate_is_due_when_its_time_is_over() -> None:
    assert not identity(issued_at=time.time()).is_due()
    assert identity(issued_at=time.time() - 31 * 86_400).is_due()


def test_outbox_keeps_order_over_a_restart_and_lets_the_oldest_go(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", most=3)
    for number in range(5):
        outbox.put("climate", {"number": number})
    assert (len(outbox), outbox.dropped) == (3, 2)
    outbox.close()
    again = Outbox(tmp_path / "outbox.sqlite", most=3)
    assert [waiting.document["number"] for waiting in again.first()] == [2, 3, 4]
    again.remove([again.first()[0].number])
    assert [waiting.document["number"] for waiting in again.first()] == [3, 4]
    assert len(again) == 2


def test_messages_go_where_the_cloud_said() -> None:
    configuration = Configuration.model_validate(CONFIGURATION)
    assert configuration.telemetry_topic("s1", "climate") == "$aws/rules/Climate/dt/sensors/home/s1/climate"
    assert configuration.telemetry_topic("s1", "other") == "$aws/rules/Rest/dt/sensors/home/s1/other"
    plain = Configuration.model_validate({**CONFIGURATION, "ingest": ""})
    assert plain.telemetry_topic("s1", "climate") == "dt/sensors/home/s1/climate"


@pytest.mark.parametrize(
    "wrong", [{"port": 0}, {"interval_seconds": 0}, {"serial_number": "a/b"}, {"unknown": 1}, {"template": ""}]
)
def test_wrong_settings_are_named(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        settings(tmp_path, **wrong)


def test_wrong_settings_end_the_program_with_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"endpoint": "localhost"}')
    with pytest.raises(SystemExit) as ended:
        main([str(file)])
    assert ended.value.code == 2
    assert "serial_number" in capsys.readouterr().err


def test_hygrometer_reads_the_kernel_s_files(tmp_path: Path) -> None:
    (tmp_path / "in_temp_input").write_text("21500\n")
    (tmp_path / "in_humidityrelative_input").write_text("48300\n")
    (tmp_path / "brightness").write_text("0")
    sensor = Hygrometer(tmp_path, tmp_path / "brightness")
    assert sensor.read() == {"temperature": 21.5, "humidity": 48.3}
    assert sensor.switch({"humidifier": True, "unknown": 1}) == {"humidifier": True}
    assert (tmp_path / "brightness").read_text() == "1"
    assert sensor.switch({"humidifier": "yes"}) == {}


def test_simulated_room_gets_damp() -> None:
    room = SimulatedHygrometer("seed")
    dry = room.read()["humidity"]
    assert room.switch({"humidifier": True}) == {"humidifier": True}
    assert room.read()["humidity"] > dry + 10


def test_simulated_chair_senses_who_sits_down_and_its_lamp() -> None:
    chair = SimulatedChair("seed")
    empty = chair.read()
    assert set(empty) == {"movement", "illuminance"}
    chair.occupied = True
    assert chair.read()["movement"] > empty["movement"] + 0.4
    chair.daylight = 10
    dark = chair.read()["illuminance"]
    assert dark < empty["illuminance"]
    assert chair.switch({"lamp": True, "unknown": 1}) == {"lamp": True}
    assert chair.read()["illuminance"] > dark + 300
    assert chair.switch({"lamp": "on"}) == {}


def test_measurements_are_kept_while_there_is_no_connection(tmp_path: Path) -> None:
    device = Device(settings(tmp_path, most_unsent=2), SimulatedHygrometer())
    sent = [device.measure() for _ in range(3)]
    assert [waiting.document["message_id"] for waiting in device.outbox.first()] == [m["message_id"] for m in sent[1:]]
    assert device.outbox.dropped == 1
    device.outbox.close()


def test_sensor_that_fails_is_reported_once_until_it_answers_again(tmp_path: Path) -> None:
    answers = [OSError("loose"), OSError("loose"), None, OSError("loose again"), None]
    answered = asyncio.Event()

    class Loose(SimulatedHygrometer):
        def read(self) -> Mapping[str, float]:
            error = answers.pop(0)
            if not answers:
                answered.set()
            if error is not None:
                raise error
            return super().read()

    async def measure() -> list[Any]:
        device = Device(settings(tmp_path, interval_seconds=0.05), Loose())
        measuring = asyncio.create_task(device._measure_always())
        await asyncio.wait_for(answered.wait(), 10)
        measuring.cancel()
        await asyncio.gather(measuring, return_exceptions=True)
        messages = [(waiting.kind, waiting.document.get("reason")) for waiting in device.outbox.first()]
        device.outbox.close()
        return messages

    expected = [("alert", "loose"), ("climate", None), ("alert", "loose again"), ("climate", None)]
    assert asyncio.run(measure()) == expected


def test_commands_are_answered_whatever_they_are(tmp_path: Path) -> None:
    async def broken(_session: Any, _arguments: Any) -> dict[str, Any]:
        raise ZeroDivisionError("broken")

    async def answers() -> list[str]:
        device = Device(settings(tmp_path), SimulatedHygrometer())
        device.commands["break"] = broken
        requests: list[Any] = [
            {"session": "s", "command": "ping"},
            {"session": "s", "command": "fly"},
            {"session": "s", "command": "ping", "expires_at": 1},
            {"session": "s"},
            "no object",
            {"session": "s", "command": "break"},
        ]
        session: Any = None
        found = [await execute(device.commands, session, request) for request in requests]
        device.outbox.close()
        return [answer["status"] for answer in found]

    assert asyncio.run(answers()) == ["succeeded", "rejected", "expired", "rejected", "rejected", "failed"]


def test_device_asks_again_until_it_is_refused_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["InvocationError", "RequestThrottled", "AccessDenied"]

    async def claim(_settings: Settings, *, patience: float) -> Identity:
        del patience
        raise RejectedError("provision", {"errorCode": answers.pop(0)})

    monkeypatch.setattr("cdp_device.device.claim", claim)
    device = Device(settings(tmp_path), SimulatedHygrometer(), first_pause=0.01)
    with pytest.raises(RejectedError, match="AccessDenied"):
        asyncio.run(device.run())
    assert answers == []


@pytest.mark.parametrize("used", [False, True])
def test_device_claims_again_when_its_identity_was_never_used_and_does_not_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: bool
) -> None:
    claims: list[str] = []

    async def claim(_settings: Settings, *, patience: float) -> Identity:
        del patience
        claims.append("claim")
        if len(claims) == 1:
            raise RejectedError("provision", {"errorCode": "AccessDenied"})
        return identity("c2")

    tried: list[str] = []

    async def work(_self: Device, current: Identity) -> None:
        tried.append(current.certificate_id)
        if current.certificate_id == "c2" or len(tried) > 12:
            raise asyncio.CancelledError
        raise TimeoutError("no connection")

    monkeypatch.setattr("cdp_device.device.claim", claim)
    monkeypatch.setattr(Device, "_work", work)
    device = Device(settings(tmp_path), SimulatedHygrometer(), first_pause=0.0001)
    device.store.keep(identity("c1", confirmed=used))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(device.run())
    if used:
        assert (claims, set(tried)) == ([], {"c1"})
    else:
        # The first claim is refused, and the identity that it has is used once more before the next one.
        assert tried == ["c1"] * 5 + ["c2"]
        assert device.store.current() == identity("c2")
