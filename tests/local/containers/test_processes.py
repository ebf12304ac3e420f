"""Containers: what is known of them while they are started again."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp_constructs.local.containers.processes import Container, Spec


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    spec = Spec(command=["/bin/sleep", "60"], folder=Path("/"), environment={}, address="127.0.0.1", stop_seconds=5)
    made = Container(spec, tmp_path)
    yield made
    made.remove()


def test_a_container_that_is_started_again_runs(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others look while it starts: they must not take the end of the process before for that of the new one."""
    container.start()
    container.stop()
    assert container.exit_code is not None
    start = subprocess.Popen

    def _looked_at(*arguments: Any, **options: Any) -> Any:
        assert container.exit_code is not None
        started = start(*arguments, **options)
        assert container.exit_code is not None
        return started

    monkeypatch.setattr(subprocess, "Popen", _looked_at)
    container.start()
    assert container.exit_code is None
    assert container.process_id
