"""The topic grammar: what it makes, and what it refuses before AWS IoT would."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.iot import topics
from cdp_constructs.iot.topics import InvalidTopicError, TopicSpace, check_filter, check_topic

ROOT = Path(__file__).parents[2]
HOME = TopicSpace("home")


def test_topics_have_the_five_levels() -> None:
    assert HOME.telemetry("tokyo", "sensor:1", "climate") == "dt/home/tokyo/sensor:1/climate"
    assert HOME.command("tokyo", "sensor-1") == "cmd/home/tokyo/sensor-1/req"
    assert HOME.response("tokyo", "sensor-1") == "cmd/home/tokyo/sensor-1/res"
    assert HOME.broadcast("tokyo") == "cmd/home/tokyo/all/req"
    assert HOME.broadcast() == "cmd/home/all/all/req"
    assert HOME.telemetry_filter(kind="alert") == "dt/home/+/+/alert"
    assert HOME.response_filter(context="tokyo") == "cmd/home/tokyo/+/res"


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("/dt/home", "begins with a slash"),
        ("dt//home", "empty level"),
        ("dt/home/", "empty level"),
        ("", "empty level"),
        ("$aws/things/a/shadow/update", "reserved"),
        ("dt/home/+/a", "wildcards"),
        ("dt/home/#", "wildcards"),
        ("dt/home/with space", "other characters"),
        ("dt/home/é", "other characters"),
        ("1/2/3/4/5/6/7/8/9", "has 8 slashes; use at most 7"),
        ("x" * 257, "has 257 bytes; use at most 256"),
    ],
)
def test_topics_that_aws_iot_or_the_grammar_refuses(topic: str, says: str) -> None:
    with pytest.raises(InvalidTopicError, match=says):
        check_topic(topic)


@pytest.mark.parametrize("topic", ["1/2/3/4/5/6/7/8", "x" * 256])
def test_topics_at_the_limit(topic: str) -> None:
    assert check_topic(topic) == topic


@pytest.mark.parametrize("topic_filter", ["dt/#/a", "dt/a#", "dt/a+/b", "#/a", "/+", "$share/group/dt/#"])
def test_filters_that_are_refused(topic_filter: str) -> None:
    with pytest.raises(InvalidTopicError):
        check_filter(topic_filter)


@pytest.mark.parametrize("topic_filter", ["#", "+", "dt/+/+/#", "+/+"])
def test_filters_that_are_taken(topic_filter: str) -> None:
    assert check_filter(topic_filter) == topic_filter


@pytest.mark.parametrize("level", ["", "a/b", "a+", "#", "$aws", "a b", "x" * 65])
def test_levels_that_are_refused(level: str) -> None:
    for make in (TopicSpace, HOME.broadcast, lambda value: HOME.telemetry(value, "sensor", "climate")):
        with pytest.raises(InvalidTopicError):
            make(level)


def test_nobody_is_called_everyone() -> None:
    with pytest.raises(InvalidTopicError, match="other than 'all'"):
        HOME.command("tokyo", "all")


@given(st.text(max_size=300))
def test_whatever_is_taken_keeps_the_limits(topic: str) -> None:
    try:
        check_topic(topic)
    except InvalidTopicError:
        return
    assert topic.count("/") <= 7
    assert len(topic.encode()) <= 256
    assert not topic.startswith(("/", "$"))
    assert "+" not in topic
    assert "#" not in topic


def test_rules_name_the_levels_of_the_topics() -> None:
    levels = HOME.telemetry("tokyo", "sensor-1", "climate").split("/")
    named = {topics.CONTEXT_LEVEL: "tokyo", topics.THING_LEVEL: "sensor-1", topics.TYPE_LEVEL: "climate"}
    # topic(n) counts from 1: https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
    assert named == {f"topic({number})": level for number, level in enumerate(levels, 1) if number > 2}
    assert topics.TELEMETRY_FIELDS == "topic(3) AS context, topic(4) AS thing, topic(5) AS type"
    assert topics.BY_THING == "${topic(4)}"


def test_the_device_has_the_same_grammar() -> None:
    library, device = ROOT / "cdp_constructs/iot/topics.py", ROOT / "devices/cdp_device/topics.py"
    assert not device.is_symlink(), "a checkout without symbolic links would have no grammar"
    assert device.read_text() == library.read_text(), f"copy {library} to {device}"


def test_devices_use_the_grammar_without_the_cdk() -> None:
    script = (
        "import sys; import cdp_device.topics; print([m for m in sys.modules if m.startswith(('aws_cdk', 'cdp_con'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="devices")
    assert done.stdout.strip() == "[]"
