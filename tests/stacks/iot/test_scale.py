"""The arithmetic of a million devices, against figures worked out by hand, and the page that quotes it."""

from dataclasses import replace

import pytest

from cdp_constructs.estimates import quota
from cdp_device.settings import Settings
from stacks.iot import scale
from stacks.iot.scale import (
    FOR_A_LARGE_FLEET,
    BatchSource,
    Capacity,
    Choice,
    Fleet,
    catch_up_stages,
    fleet,
    monthly_cost,
    page,
    quotas,
)
from stacks.iot.scale.__main__ import main
from stacks.iot.scale.fleet import publishes_per_second, writes

FLEET = Fleet()
AS_IT_IS = Choice()


def cost(**changes: object) -> dict[str, float]:
    return dict(monthly_cost(FLEET, replace(AS_IT_IS, **changes)))  # type: ignore[arg-type]


def test_the_page_has_the_tables_of_the_code() -> None:
    assert page.PAGE.read_text() == page.page_with_tables(), "run `python -m stacks.iot.scale --write`"
    assert page.page_with_tables().count("| ---") > 3


def test_a_month_is_43_billion_measurements() -> None:
    assert FLEET.measurements == 43_200_000_000
    assert round(publishes_per_second(FLEET, AS_IT_IS)) == 16_667


def test_connections_and_rules_by_hand() -> None:
    as_it_is = cost()
    assert as_it_is["Connections"] == pytest.approx(43_200 * 0.08)
    assert as_it_is["Rule"] == pytest.approx(43_200 * 0.15)
    assert as_it_is["Actions"] == pytest.approx(2 * 43_200 * 0.15)


def test_messages_get_cheaper_and_basic_ingest_saves_them_all() -> None:
    # 1 billion at $1.00, 4 at $0.80, 38.2 at $0.70 a million.
    assert cost(basic_ingest=False)["Messages"] == pytest.approx(1_000 + 3_200 + 26_740)
    assert cost()["Messages"] == 0


def test_quality_of_service_of_telemetry_is_free() -> None:
    assert cost(qos=0) == cost(qos=1)


def test_gathered_measurements_count_in_parts_of_5_kb() -> None:
    # 10 are 2,000 bytes, one part; 60 are 12,000 bytes, three parts.
    assert cost(measurements_per_publish=10)["Rule"] == pytest.approx(cost()["Rule"] / 10)
    assert cost(measurements_per_publish=60)["Rule"] == pytest.approx(cost()["Rule"] / 60 * 3)


def test_a_shadow_costs_its_update_and_a_message_that_cannot_be_ingested() -> None:
    with_shadow = cost(shadow=True)
    assert with_shadow["Shadow updates"] == pytest.approx(43_200 * 1.25)
    assert with_shadow["Messages"] == cost(basic_ingest=False)["Messages"]


def test_firehose_counts_5_kb_for_every_record() -> None:
    raw = 43.2e9 * 200 / 1024**3
    assert cost()["Batch layer: Firehose"] == pytest.approx(43.2e9 * 5120 / 1024**3 * 0.029 + raw * 0.018)


def test_provisioned_writes_cost_less_for_even_load() -> None:
    on_demand, provisioned = cost()["Speed layer: writes"], cost(table=Capacity.PROVISIONED)["Speed layer: writes"]
    assert on_demand == pytest.approx(2 * 43_200 * 0.625)
    assert provisioned == pytest.approx(2 * 43.2e9 / 2_592_000 / 0.7 * 0.00065 * 720)
    assert cost(windows=False)["Speed layer: writes"] == on_demand / 2
    assert cost()["Speed layer: reads"] == pytest.approx(2 * 43_200 * 0.125)


def test_a_stream_on_demand_counts_full_kilobytes() -> None:
    on_demand, provisioned = cost()["Stream"], cost(stream=Capacity.PROVISIONED)["Stream"]
    assert on_demand == pytest.approx(0.04 * 720 + 43.2e9 / 1024**2 * 0.08 + 43.2e9 * 200 / 1024**3 * 0.04)
    # 16,667 records a second on shards that are 70 % full: 24 of them.
    assert provisioned == pytest.approx(24 * 0.015 * 720 + 43_200 * 0.014)


def test_no_choice_costs_less_than_nothing() -> None:
    for choice in (AS_IT_IS, Choice(windows=False, measurements_per_publish=60, batch_source=BatchSource.STREAM)):
        assert all(amount >= 0 for amount in monthly_cost(FLEET, choice).values())
    assert sum(monthly_cost(Fleet(devices=0), AS_IT_IS).values()) == pytest.approx(0.04 * 720), "an hour of a stream"


def test_what_the_page_says_in_words() -> None:
    words = " ".join(page.PAGE.read_text().split())
    assert f"${round(sum(monthly_cost(Fleet(devices=50_000), AS_IT_IS).values()), -3):,.0f} a month" in words
    large = sum(monthly_cost(FLEET, FOR_A_LARGE_FLEET).values())
    assert f"${large:,.0f} a month, ${large / 1_000_000:.3f} a device" in words
    slowest = max(stage.seconds for stage in catch_up_stages(FLEET, FOR_A_LARGE_FLEET))
    assert f"within {round(slowest // 60)} minutes and {round(slowest % 60)} seconds of the first connection" in words
    rate = quota("firehose.put_records_a_second").value
    assert f"at {rate * 60:,.0f} a delivery stream refuses" in words
    saved = cost()["Stream"] - cost(stream=Capacity.PROVISIONED)["Stream"]
    assert f"${round(saved, -2):,.0f} a month for not having to count shards" in words


def test_which_quotas_have_to_be_raised() -> None:
    raised = {quota.name: quota.fits for quota in quotas(FLEET, AS_IT_IS)}
    assert raised == {
        "IoT Core: connections at once": False,
        "IoT Core: publishes/s from devices": False,
        "IoT Core: rule evaluations/s": False,
        "Firehose: PutRecord requests/s of a stream": False,
        "DynamoDB: writes/s of a table": False,
        "Kinesis: shards": True,
    }
    gathered = Choice(measurements_per_publish=10, batch_source=BatchSource.STREAM)
    assert [quota.name for quota in quotas(FLEET, gathered) if not quota.fits] == ["IoT Core: connections at once"]


def test_a_small_fleet_needs_nothing_raised() -> None:
    assert all(quota.fits for quota in quotas(Fleet(devices=50_000), AS_IT_IS))


def test_a_quota_says_how_many_devices_fit() -> None:
    (firehose,) = [quota for quota in quotas(FLEET, AS_IT_IS) if quota.name.startswith("Firehose")]
    most = round(firehose.reached_at(FLEET.devices))
    assert most == 96_000
    for devices, fits in ((most, True), (most + 60, False)):
        (same,) = [quota for quota in quotas(Fleet(devices=devices), AS_IT_IS) if quota.name == firehose.name]
        assert same.fits is fits


def test_tables_are_printed_for_a_fleet_of_any_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["scale", "--devices", "50000"])
    main()
    printed = capsys.readouterr().out
    assert "| IoT Core: connections at once | 500,000 | 50,000 | enough | 50,000 |" in printed
    assert printed.count("| --- |") == 6


def test_a_large_fleet_costs_two_cents_a_device_at_most_and_so_does_one_with_windows() -> None:
    """The goal, with each line of the sum that gathering changes by hand."""
    lines = monthly_cost(FLEET, FOR_A_LARGE_FLEET)
    # A message for ten measurements, and four a day at which something is crossed or recovers.
    messages = 43.2e9 / 10 + 1_000_000 * 4 * 30
    assert lines["Rule"] == lines["Actions"] == pytest.approx(messages / 1e6 * 0.15)
    assert lines["Speed layer: writes"] == pytest.approx(messages / 1e6 * 0.625)
    assert lines["Speed layer: reads"] == pytest.approx(messages / 1e6 * 0.125)
    assert lines["Stream"] == pytest.approx(96 * 0.015 * 720 + messages / 1e6 * 0.014)
    assert lines["Batch layer: splitting"] == pytest.approx(
        messages * 2_000 / 524_288 / 1e6 * 0.20 + 43.2e9 * 50e-6 * 0.5 * 0.0000133334
    )
    assert sum(lines.values()) / FLEET.devices < 0.0105
    with_windows = replace(FOR_A_LARGE_FLEET, windows=True, window_minutes=10)
    assert sum(monthly_cost(FLEET, with_windows).values()) / FLEET.devices <= 0.02


def test_longer_windows_are_fewer_writes() -> None:
    gathered = replace(FOR_A_LARGE_FLEET, windows=True, crossings_a_day=0)
    a_minute, ten = (writes(FLEET, replace(gathered, window_minutes=minutes)) for minutes in (1, 10))
    # A state and ten windows for a message; a state, and two windows as a message seldom begins with one.
    assert a_minute == pytest.approx(4.32e9 * 11)
    assert ten == pytest.approx(4.32e9 * 3)


def test_an_hour_is_caught_up_within_ten_minutes_of_the_first_connection_at_default_quotas() -> None:
    stages = {stage.name: stage for stage in catch_up_stages(FLEET, FOR_A_LARGE_FLEET)}
    assert all(stage.seconds <= 600 for stage in stages.values())
    assert stages["All are connected"].seconds == pytest.approx(1_000_000 / 3_000 + 60)
    # An hour of one device is one message of 12 KB; every stage is loaded below what it takes, but for the table.
    sent = stages["All have sent"]
    assert sent.peak == pytest.approx(1_000_000 / (1_000_000 / 3_000 + 60) + 4.44e9 / 2_592_000, rel=0.01)
    assert sent.peak < 0.8 * sent.capacity
    assert stages["A new table on demand has all"].capacity == 4_000


def test_a_fleet_that_sends_each_measurement_alone_does_not_catch_up_by_pacing() -> None:
    alone = replace(FOR_A_LARGE_FLEET, measurements_per_publish=1)
    assert max(stage.seconds for stage in catch_up_stages(FLEET, alone)) == float("inf")


def test_quotas_of_a_large_fleet_need_nothing_but_connections() -> None:
    short = [quota.name for quota in quotas(FLEET, FOR_A_LARGE_FLEET) if not quota.fits]
    assert short == ["IoT Core: connections at once"]


def test_devices_send_and_wait_as_the_sum_says() -> None:
    of_devices = {name: field.default for name, field in Settings.model_fields.items()}
    assert of_devices["gather_bytes"] == fleet.MOST_BYTES
    assert of_devices["catch_up_seconds"] == fleet.CATCH_UP_SECONDS


def test_times_of_the_whole_fleet() -> None:
    assert scale.reconnect_seconds(FLEET) == pytest.approx(333.3, abs=0.1)
    assert scale.join_seconds(FLEET) == 100_000
    assert scale.catch_up_seconds(FLEET, AS_IT_IS, 3600) == pytest.approx(5 * 3600)
    assert scale.catch_up_seconds(FLEET, AS_IT_IS, 3600, publishes_a_second=10_000) == float("inf")
