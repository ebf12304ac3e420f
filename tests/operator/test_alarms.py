"""Every alarm of both systems is raised by its cause, and is not raised before."""

from contextlib import ExitStack

import pytest

from cdp_constructs.local import Deployment, LocalCloud
from tests.operator.alarms import Alarm, alarms_of, states
from tests.operator.causes import CAUSES, Cause, cause_of, metric_alone
from tests.stacks.chat.clients import Chat


@pytest.fixture(scope="session")
def alarms(local_cloud: LocalCloud, chat: Chat, iot: Deployment) -> list[Alarm]:
    return [*alarms_of(local_cloud, chat.deployment), *alarms_of(local_cloud, iot)]


def test_every_alarm_has_a_cause_and_every_cause_an_alarm(alarms: list[Alarm]) -> None:
    assert len(alarms) > 100
    assert [str(alarm) for alarm in alarms if cause_of(alarm) is None] == [], "add them to tests/operator/causes.py"
    used = {cause_of(alarm) for alarm in alarms}
    assert [str(cause) for cause in CAUSES if cause not in used] == [], "no alarm has these causes"


def end_minute(cloud: LocalCloud, more: float = 0) -> None:
    """Let the minute of the clock end, so that what follows is in one minute, and pass some more."""
    cloud.metrics.advance(minutes=more, seconds=60.5 - cloud.metrics.now().timestamp() % 60)


@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_the_cause_raises_the_alarm(cause: Cause, alarms: list[Alarm], local_cloud: LocalCloud) -> None:
    assert bool(cause.reason) == (cause.act is metric_alone), "say why the metric is put"
    caused = [alarm for alarm in alarms if cause_of(alarm) is cause]
    if cause.settles:
        local_cloud.check_health()
        local_cloud.metrics.advance(minutes=cause.settles)
    end_minute(local_cloud)
    before = states(caused)
    assert [name for name, state in before.items() if state == "ALARM" and cause.settles] == []
    for _ in range(cause.rounds):
        with ExitStack() as lasting:
            for alarm in caused:
                lasting.enter_context(cause.act(alarm))
            end_minute(local_cloud, cause.passes - 1)
            after = states(caused)
    assert {name: state for name, state in after.items() if state != "ALARM"} == {}
