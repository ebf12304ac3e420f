"""Every mistake in the IoT system's configuration is answered with one line: the key, the value, the fix."""

from typing import Any

import pytest

from stacks.iot.config import ConfigurationError, IotConfiguration

GOOD: dict[str, Any] = {"region": "ap-northeast-1"}
HOT = {"name": "TooHot", "measure": "temperature", "above": 35}


def threshold(**changes: Any) -> dict[str, Any]:
    return GOOD | {"thresholds": [{**HOT, **changes}]}


def test_a_region_is_enough() -> None:
    configuration = IotConfiguration.from_context(GOOD)
    assert configuration.sites == ("home", "factory")
    assert [threshold.name for threshold in configuration.thresholds] == ["TooHot", "TooDry", "TooDark", "Occupied"]
    assert configuration.account_settings
    assert configuration.operated_sites == configuration.sites


@pytest.mark.parametrize("context", [None, {}])
def test_without_a_configuration_addresses_are_some_that_nobody_owns(context: object) -> None:
    configuration = IotConfiguration.from_context(context)
    assert configuration.region == "ap-northeast-1"
    assert [one.option for one in configuration.placeholders] == ["iot.operator_email", "iot.alarm_email"]
    off = IotConfiguration.from_context({"operator_email": None, "alarm_email": None})
    assert off.placeholders == ()


def test_everything_that_can_be_set_is_taken() -> None:
    configuration = IotConfiguration.from_context(
        threshold(recovers_at=33)
        | {
            "sites": ["north", "south"],
            "account_settings": False,
            "claim_certificate_arns": [f"arn:aws:iot:ap-northeast-1:111122223333:cert/{'0a' * 32}"],
            "tracker_url": "https://tracker.example.com/api",
            "backlog_url": "https://example.backlog.com",
            "fleet_size": 400_000,
            "gather_minutes": 5,
            "speed_windows": False,
            "firehose_reads_stream": True,
            "stream_shards": 5,
            "table_capacity": {"min_writes": 100, "max_writes": 200, "min_reads": 20, "max_reads": 40},
            "warehouse_capacity": 16,
            "operator_email": "operators@example.com",
            "alarm_email": "ops@example.com",
        }
    )
    assert configuration.thresholds[0].recovers_at == 33


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"region": "ap-norteast-1"}, "iot: region is 'ap-norteast-1', which is no Region of the partition 'aws'. Use"),
        (
            GOOD | {"backlog_url": "http://b.example"},
            "iot: backlog_url is 'http://b.example'. Use the address of a space",
        ),
        (
            GOOD | {"backlog_url": "https://b.example/x?y"},
            "iot: backlog_url is 'https://b.example/x?y'. Use the address",
        ),
        (GOOD | {"fleet_size": 0}, "iot: fleet_size is 0 devices. Use 1 to 200,000,000 devices"),
        (GOOD | {"fleet_size": 10**12}, "iot: fleet_size is 1,000,000,000,000 devices. Use 1 to 200,000,000 devices"),
        (GOOD | {"fleet_size": "many"}, "iot: fleet_size is 'many'. Input should be a valid integer"),
        (GOOD | {"speed_window_minutes": 7}, "iot: speed_window_minutes is 7. Use 1, 2, 3, 4, 5, 6, 10, 12, 15, 20"),
        (GOOD | {"speed_window_minutes": 0}, "iot: speed_window_minutes is 0. Use 1"),
        (GOOD | {"speed_window_minutes": 10, "speed_windows": False}, "Leave it out, or set speed_windows to true"),
        (GOOD | {"gather_minutes": 61}, "iot: gather_minutes is 61 minutes. Use 0 to 60 minutes"),
        (GOOD | {"stream_shards": 0}, "iot: stream_shards is 0 shards. Use 1 to 20,000 shards"),
        (
            GOOD | {"table_capacity": {"min_writes": 9, "max_writes": 8, "min_reads": 1, "max_reads": 1}},
            "iot: table_capacity.max_writes is 8 units. Use 9 to 1,000,000 units",
        ),
        (GOOD | {"warehouse_capacity": 4}, "iot: warehouse_capacity is 4. Use 8 to 512 RPU, a multiple of 8"),
        (GOOD | {"warehouse_capacity": 520}, "iot: warehouse_capacity is 520. Use 8 to 512 RPU"),
        (GOOD | {"sites": []}, "iot: sites is empty. Name at least one"),
        (GOOD | {"sites": ["home", "home"]}, "iot: sites contains 'home'. Use each name once"),
        (GOOD | {"sites": ["all"]}, "iot: sites contains 'all'. Use each name once"),
        (GOOD | {"sites": ["first/floor"]}, "iot: sites contains 'first/floor'. Use each name once"),
        (
            threshold(name="too hot"),
            "iot: thresholds contains the name 'too hot'. Use a name of letters and digits, such as",
        ),
        (threshold(measure="noise"), "iot: thresholds.TooHot.measure is 'noise'. Use one of temperature,"),
        (threshold(below=3), "iot: thresholds.TooHot.below was given together with above. Give one of them."),
        (threshold(above=None), "iot: thresholds.TooHot.below is missing, as is above. Give one of them."),
        (threshold(recovers_at=40), "iot: thresholds.TooHot.recovers_at is 40. Use 35 or a value below it."),
        (
            threshold(above=None, below=10, recovers_at=5),
            "iot: thresholds.TooHot.recovers_at is 5. Use 10 or a value above it.",
        ),
        (threshold(switches="Lamp!"), "iot: thresholds.TooHot.switches is 'Lamp!'. Use the name of a switch, such as"),
        (
            threshold(notifies=False),
            "iot: thresholds.TooHot.notifies is False and nothing is given as switches. Leave it out, or name a",
        ),
        (
            GOOD | {"thresholds": [{**HOT, "switches": "fan"}, {**HOT, "name": "VeryHot", "switches": "fan"}]},
            "iot: thresholds contains 'fan' twice in switches. Name it in one of them: the other would switch it off",
        ),
        (GOOD | {"site_operators": ["moon"]}, "iot: site_operators contains 'moon'. Use each of home, factory at most"),
        (
            GOOD | {"sites": [f"site-{number}" for number in range(7)]},
            "iot: site_operators has 7 sites. Name at most 6 in site_operators.",
        ),
        (threshold(limit=3), "context key 'iot' has 'thresholds.0.limit', which nothing reads."),
        (GOOD | {"thresholds": [HOT, HOT]}, "iot: thresholds contains 'TooHot' twice. Give each a name of its own."),
        (GOOD | {"claim_certificate_arns": ["cert"]}, "iot: claim_certificate_arns contains 'cert'. Use the ARN of"),
        (GOOD | {"tracker_url": "http://tracker"}, "iot: tracker_url is 'http://tracker'. Use an address such as"),
        (GOOD | {"operator_email": "me"}, "iot: operator_email is 'me'. Use an address such as ops@example.com."),
        (GOOD | {"runbook_base_url": "ftp://wiki"}, "iot: runbook_base_url is 'ftp://wiki'. Use an address such as"),
        (GOOD | {"alarm_email": "me"}, "iot: alarm_email is 'me'. Use an address such as ops@example.com."),
        (GOOD | {"regions": []}, "context key 'iot' has 'regions', which nothing reads. Use 'region'."),
    ],
)
def test_a_mistake_names_key_value_and_fix(context: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        IotConfiguration.from_context(context)
    assert message in str(raised.value)


def chosen(**given: Any) -> tuple[int, bool, bool, int | None]:
    configuration = IotConfiguration.from_context(GOOD | given)
    return (
        configuration.gather_minutes,
        configuration.speed_windows,
        configuration.firehose_reads_stream,
        configuration.stream_shards,
    )


def test_a_small_fleet_and_one_that_says_no_size_change_nothing() -> None:
    assert chosen() == chosen(fleet_size=49_999) == (0, True, False, None)


def test_a_large_fleet_gathers_and_its_stream_takes_an_hour_s_outage() -> None:
    assert chosen(fleet_size=50_000) == (10, False, True, 5)
    assert chosen(fleet_size=1_000_000) == (10, False, True, 96)


def test_what_is_given_counts_more_than_what_the_size_chooses() -> None:
    given = {"gather_minutes": 0, "speed_windows": True, "firehose_reads_stream": False, "stream_shards": 7}
    assert chosen(fleet_size=1_000_000, **given) == (0, True, False, 7)
    assert chosen(fleet_size=1_000_000, speed_window_minutes=10) == (10, True, True, 96)
