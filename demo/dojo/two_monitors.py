"""A board that CloudWatch and a Zabbix watch: both must see the same failure, and its end."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from cdp_constructs.local.containers.zabbix import programs
from demo.bring_up import ROOT, run_app
from demo.dojo.faults import Faults
from demo.dojo.stage import Stage
from demo.report import StepFailed, eventually_async, expect
from demo.zabbix import ZabbixServer

__all__ = ["seen_by_both", "start_zabbix", "zabbix_is_installed"]

_MOST_MINUTES = 8


def zabbix_is_installed() -> bool:
    """Whether this machine can run one."""
    return None not in programs().values()


def start_zabbix(stage: Stage) -> ZabbixServer:
    """Start the Zabbix of a company, with a host for the board, and lead the board to it.

    The board knows it by a name, which no DNS server answers here: the function gets the address instead.
    """
    log = stage.cloud.log_file
    with tempfile.TemporaryDirectory(prefix="zabbix-", dir=log.parent if log else None) as folder:
        assembly = Path(folder) / "cdk.out"
        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        run_app("demo/zabbix_app.py", assembly, {**context, "region": stage.region})
        outputs = stage.cloud.deploy(assembly).outputs["Zabbix"]
    functions, name = stage.client("lambda"), stage.outputs["MonitoringFunction"]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**variables, "ZABBIX_ADDRESS": outputs["Address"]}}
    )
    server = ZabbixServer(stage.cloud, stage.region, outputs["ClusterName"], outputs["ServiceName"])
    server.configure(variables["ZABBIX_HOST"])
    return server


async def seen_by_both(on: Faults, *, within: float) -> str:
    """Look at the alarm of the batch's dead-letter queue, in which something is, in CloudWatch and in Zabbix.

    Args:
        on: The board.
        within: Seconds until Zabbix has the failure, and as many until it has the end, after CloudWatch.
    """
    stage = on.stage
    zabbix: ZabbixServer = await asyncio.to_thread(stage.zabbix.result, 120)  # type: ignore[attr-defined]  # see Hawks
    queue = stage.outputs["CountDeadLetterQueueUrl"]
    name = await asyncio.to_thread(_alarm_of, stage, queue.rpartition("/")[2])
    problem = f"{name} is in ALARM state"
    began = time.monotonic()
    await _reaches(stage, name, "ALARM")

    def is_told(*, open_: bool) -> bool:
        _report(stage)
        return problem in zabbix.problems(open_=open_)

    await eventually_async(lambda: is_told(open_=True), within=within, what="the problem in Zabbix")
    both = time.monotonic() - began
    await asyncio.to_thread(stage.client("sqs").purge_queue, QueueUrl=queue)
    await _reaches(stage, name, "OK")
    await eventually_async(lambda: is_told(open_=False), within=within, what="its end in Zabbix")
    items = len(await asyncio.to_thread(zabbix.discovered))
    # The zone that is lost next might be its own.
    await asyncio.to_thread(zabbix.end)
    return f"{name}: a problem in both after {both:.1f} s, and its end in both; Zabbix has {items} alarms as items"


def _alarm_of(stage: Stage, queue: str) -> str:
    pages = stage.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
    dimension = {"Name": "QueueName", "Value": queue}
    [found] = [one for page in pages for one in page["MetricAlarms"] if dimension in one.get("Dimensions", [])]
    return str(found["AlarmName"])


async def _reaches(stage: Stage, name: str, state: str) -> None:
    """Let minutes of CloudWatch's clock pass until an alarm has a state."""
    for _ in range(_MOST_MINUTES):
        await asyncio.to_thread(stage.cloud.metrics.advance, minutes=1)
        found: Any = await asyncio.to_thread(stage.client("cloudwatch").describe_alarms, AlarmNames=[name])
        if found["MetricAlarms"][0]["StateValue"] == state:
            return
    raise StepFailed(f"{name} is not {state} after {_MOST_MINUTES} minutes")


def _report(stage: Stage) -> None:
    """Call the function as its schedule does every five minutes."""
    answer = stage.client("lambda").invoke(FunctionName=stage.outputs["MonitoringFunction"], Payload=b"{}")
    expect("FunctionError" not in answer, "the function that tells Zabbix failed")
