"""What a device gathers: which measurements wait, for how long, and what is sent at once and together."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cdp_device.device import Device
from cdp_device.gathering import MOST_MEASUREMENTS, Gathering, Limit, as_message, read_limits
from cdp_device.messages import encoded
from cdp_device.outbox import Outbox, Waiting
from cdp_device.sensors import SimulatedHygrometer
from cdp_device.settings import Configuration
from tests.devices.test_device import CONFIGURATION, identity, settings

MOST_BYTES = 1_000


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "outbox.sqlite", most=10_000)
    yield opened
    opened.close()


def gathering(seconds: float = 600, *, catch_up_seconds: float = 0, limits: str = "") -> Gathering:
    made = Gathering(most_bytes=MOST_BYTES, catch_up_seconds=catch_up_seconds)
    made.seconds = seconds
    made.limits = read_limits(limits)
    return made


def measure(outbox: Outbox, *numbers: int, urgent: bool = False) -> None:
    for number in numbers:
        outbox.put("climate", {"number": number}, gathers=True, urgent=urgent)


def numbers(waiting: list[Waiting]) -> list[int]:
    return [one.document["number"] for one in waiting]


def test_without_gathering_each_message_is_sent_at_once_and_in_order(outbox: Outbox) -> None:
    measure(outbox, 1, 2)
    assert numbers(gathering(0).due(outbox, time.time())[0]) == [1]


def test_measurements_wait_for_each_other_and_go_as_one_message(outbox: Outbox) -> None:
    measure(outbox, 1, 2, 3)
    waits = gathering(600)
    now = time.time()
    waiting, seconds = waits.due(outbox, now)
    assert waiting == []
    assert seconds == pytest.approx(600, abs=5)
    waiting, _ = waits.due(outbox, now + 601)
    assert numbers(waiting) == [1, 2, 3]
    assert as_message(waiting) == {"measurements": [{"number": 1}, {"number": 2}, {"number": 3}]}


def test_one_measurement_goes_as_it_always_did(outbox: Outbox) -> None:
    measure(outbox, 1)
    assert as_message(gathering(1).due(outbox, time.time() + 2)[0]) == {"number": 1}


def test_a_full_message_does_not_wait(outbox: Outbox) -> None:
    measure(outbox, *range(100))
    waiting, _ = gathering(600).due(outbox, time.time())
    assert numbers(waiting) == list(range(len(waiting)))
    assert MOST_BYTES - 30 < len(encoded(as_message(waiting)).encode()) <= MOST_BYTES


def test_what_is_urgent_goes_at_once_and_takes_along_what_waits_in_the_order_of_its_time(outbox: Outbox) -> None:
    measure(outbox, 1, 2)
    measure(outbox, 3, urgent=True)
    measure(outbox, 4)
    assert numbers(gathering(600).due(outbox, time.time())[0]) == [1, 2, 3, 4]


def test_what_is_urgent_does_not_wait_behind_a_day_without_a_connection(outbox: Outbox) -> None:
    measure(outbox, *range(1_440))
    measure(outbox, 5_000, urgent=True)
    waits = gathering(600, catch_up_seconds=180)
    waits.connected(outbox, time.time() + 86_400)
    waiting, _ = waits.due(outbox, time.time() + 86_400)
    assert numbers(waiting)[-1] == 5_000
    assert numbers(waiting)[:3] == [0, 1, 2]


def test_reports_are_sent_alone_and_at_once(outbox: Outbox) -> None:
    measure(outbox, 1)
    outbox.put("alert", {"number": 2})
    assert numbers(gathering(600).due(outbox, time.time())[0]) == [2]


def test_types_are_not_mixed(outbox: Outbox) -> None:
    measure(outbox, 1)
    outbox.put("seat", {"number": 2}, gathers=True, urgent=False)
    measure(outbox, 3)
    assert numbers(gathering(1).due(outbox, time.time() + 2)[0]) == [1, 3]


def test_a_message_has_no_more_measurements_than_the_layers_take(outbox: Outbox) -> None:
    measure(outbox, *range(300))
    wide = Gathering(most_bytes=100_000, catch_up_seconds=0)
    wide.seconds = 600
    assert len(wide.due(outbox, time.time())[0]) == MOST_MEASUREMENTS


def test_a_clock_that_was_set_back_keeps_nothing_waiting(outbox: Outbox) -> None:
    measure(outbox, 1)
    assert numbers(gathering(600).due(outbox, time.time() - 86_400)[0]) == [1]


def test_devices_of_a_fleet_catch_up_at_different_times_within_the_bound(outbox: Outbox) -> None:
    measure(outbox, *range(60))
    after_an_hour = time.time() + 3_600
    pauses = []
    for _ in range(200):
        waits = gathering(600, catch_up_seconds=180)
        waits.connected(outbox, after_an_hour)
        pauses.append(waits.due(outbox, after_an_hour)[1] or 0.0)
    assert max(pauses) <= 180
    # Evenly: each third of the time has about a third of the devices.
    for third in range(3):
        assert 35 <= sum(60 * third <= pause < 60 * (third + 1) for pause in pauses) <= 100


def test_a_short_interruption_delays_nothing_for_longer_than_it_lasted(outbox: Outbox) -> None:
    measure(outbox, 1)
    for _ in range(50):
        waits = gathering(600, catch_up_seconds=180)
        waits.connected(outbox, time.time() + 605)
        assert (waits.due(outbox, time.time() + 605)[1] or 0) <= 5.5


def test_devices_that_connect_together_do_not_send_in_step(outbox: Outbox) -> None:
    measure(outbox, 1)
    firsts = []
    for _ in range(100):
        waits = gathering(600)
        waits.connected(outbox, time.time())
        firsts.append(waits.due(outbox, time.time())[1] or 0.0)
    assert max(firsts) <= 600
    assert max(firsts) - min(firsts) > 300


@given(st.lists(st.floats(0, 60), max_size=40))
def test_a_crossing_and_a_recovery_are_noticed_once_each(values: list[float]) -> None:
    waits = gathering(limits="temperature>35/33")
    crossed = False
    for value in values:
        expected = value > 35 if not crossed else value <= 33
        assert waits.crosses({"temperature": value}) is expected
        crossed = crossed is not expected


def test_limits_below_are_the_mirror_and_other_measures_do_not_count() -> None:
    waits = gathering(limits="humidity<20/25,temperature>35/33")
    assert not waits.crosses({"humidity": 20.0})
    assert waits.crosses({"humidity": 19.0})
    # A sensor that leaves a measure out says nothing about it.
    assert not waits.crosses({"temperature": 30.0})
    assert not waits.crosses({"humidity": 24.0})
    assert waits.crosses({"humidity": 25.0})


@pytest.mark.parametrize("text", ["temperature", "temperature=3/4", "temperature>x/4", "temperature>3", "Hot>3/2/1"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no limit|could not convert"):
        read_limits(text)
    with pytest.raises(ValidationError, match="limits"):
        Configuration.model_validate({**CONFIGURATION, "limits": text})


def test_limits_are_read_as_the_fleet_writes_them() -> None:
    configuration = Configuration.model_validate(
        {**CONFIGURATION, "gather_seconds": "600", "limits": "temperature>35/33,movement>0.5/0.2"}
    )
    assert configuration.gather_seconds == 600
    assert read_limits(configuration.limits) == (
        Limit("temperature", True, 35, 33),
        Limit("movement", True, 0.5, 0.2),
    )


def test_a_file_of_an_earlier_version_is_sent_at_once(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "outbox.sqlite")
    database.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, document TEXT)")
    database.execute("INSERT INTO messages (kind, document) VALUES ('climate', '{\"number\": 1}')")
    database.commit()
    database.close()
    outbox = Outbox(tmp_path / "outbox.sqlite", most=10)
    measure(outbox, 2)
    assert numbers(gathering(600).due(outbox, time.time())[0]) == [1]
    outbox.close()


def test_what_waits_is_on_disk_and_bounded(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", most=50)
    measure(outbox, *range(60))
    outbox.close()
    again = Outbox(tmp_path / "outbox.sqlite", most=50)
    assert (len(again), numbers(again.first(1))) == (50, [10])
    again.close()


def test_a_device_gathers_as_its_identity_says_until_its_shadow_says_otherwise(tmp_path: Path) -> None:
    configuration = {**CONFIGURATION, "gather_seconds": "600", "limits": "temperature>35/33"}
    first = Device(settings(tmp_path), SimulatedHygrometer())
    first.store.keep(identity(configuration=configuration))
    first.outbox.close()
    device = Device(settings(tmp_path), SimulatedHygrometer())
    assert device._gathering.seconds == 600
    assert device._apply({"gather_seconds": 30})["gather_seconds"] == 30
    assert device._apply({"gather_seconds": -1})["gather_seconds"] == 30
    assert device._apply({"gather_seconds": True})["gather_seconds"] == 30
    reported = device._apply({"limits": "temperature>40/39", "gather_seconds": 0})
    assert (reported["gather_seconds"], reported["limits"]) == (0, "temperature>40/39")
    assert [limit.value for limit in device._gathering.limits] == [40]
    with pytest.raises(ValueError, match="no limit"):
        device._apply({"limits": "anything"})
    device.outbox.close()


def test_a_measurement_that_crosses_a_limit_is_urgent(tmp_path: Path) -> None:
    class Room(SimulatedHygrometer):
        temperature = 20.0

        def read(self) -> dict[str, Any]:
            return {"temperature": self.temperature}

    room = Room()
    device = Device(settings(tmp_path), room)
    device._gathering.seconds = 600
    device._gathering.limits = read_limits("temperature>35/33")
    for room.temperature in (20, 36, 37, 32, 31):
        device.measure()
    urgent = [waiting.document["temperature"] for waiting in device.outbox.first(urgent=True)]
    assert urgent == [36, 32]
    device.outbox.close()
