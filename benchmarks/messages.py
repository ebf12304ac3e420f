"""What a message costs on the embedded cloud: from a topic by a queue to a function, bare and through a fan-out."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT
from benchmarks.usage import Usage
from cdp_constructs.local import LocalCloud
from demo.embedded import embedded_cloud

__all__ = ["measure"]

_BARE, _FAN_OUT = "Bare", "Fanout"
_BATCH = 10
_LONGEST = 120


def measure(runs: int, messages: int) -> dict[str, Any]:
    """Deploy both to one embedded cloud, and send messages to each in turn.

    Args:
        runs: Counted runs of each, after one that starts the functions.
        messages: Messages of a run, a multiple of ten.
    """
    took: dict[str, list[dict[str, float]]] = {_BARE: [], _FAN_OUT: []}
    with embedded_cloud(timeout=120) as (cloud, folder):
        places = _deploy(cloud, folder)
        for turn in range(runs + 1):
            for name, outputs in places.items():
                one = _run(cloud, outputs, messages)
                if turn:
                    took[name].append(one)
    medians = {
        name: {key: statistics.median(one[key] for one in listed) for key in listed[0]} for name, listed in took.items()
    }
    pairs = list(zip(took[_FAN_OUT], took[_BARE], strict=True))
    ratios = {key: statistics.median(ours[key] / bare[key] for ours, bare in pairs) for key in ("wall", "cpu")}
    return {"runs": runs, "messages": messages, **medians, "ratio": ratios}


def _deploy(cloud: LocalCloud, folder: Path) -> dict[str, dict[str, str]]:
    assembly = folder / "messages"
    command = [sys.executable, "-m", "benchmarks.apps.messages.app", str(assembly)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own interpreter and module
    outputs = cloud.deploy(assembly).outputs
    return {name: dict(outputs[name]) for name in (_BARE, _FAN_OUT)}


def _run(cloud: LocalCloud, outputs: dict[str, str], messages: int) -> dict[str, float]:
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    before, started = Usage.read(cloud), time.perf_counter()
    for first in range(0, messages, _BATCH):
        entries = [{"Id": str(number), "Message": f'{{"order": {first + number}}}'} for number in range(_BATCH)]
        sns.publish_batch(TopicArn=outputs["TopicArn"], PublishBatchRequestEntries=entries)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while True:
        left = sqs.get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=names)["Attributes"]
        if not any(int(left[name]) for name in names):
            break
        if time.perf_counter() - started > _LONGEST:
            raise RuntimeError(f"after {_LONGEST} s the queue still has {left}")
        time.sleep(0.05)
    wall = time.perf_counter() - started
    used = Usage.read(cloud).since(before)
    return {"wall": 1000 * wall / messages, "cpu": 1000 * (used.server + used.functions) / messages}
