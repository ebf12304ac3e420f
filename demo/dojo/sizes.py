"""What is done to a board whose servers change their size, whose cache may fail, and whose files are private."""

import asyncio
import json
import secrets
import time
from typing import Any

import httpx

from demo.dojo.faults import Allowed, Faults
from demo.dojo.stage import Stage
from demo.report import eventually_async, expect

__all__ = ["ask_without_a_signature", "change_size", "kill_the_cache"]


async def change_size(on: Faults, *, schedule: str, allowed: Allowed, within: float) -> str:
    """Let a schedule fire that gives the servers another size, and measure what people notice of it.

    Args:
        on: The board.
        schedule: As the board's outputs call it, such as ``Day``.
        allowed: What may go wrong.
        within: Seconds until all servers have that size.
    """
    stage, ledger = on.stage, on.crowd.ledger
    present = [person.name for person in on.crowd.present]
    name, old = stage.outputs[f"{schedule}Schedule"], await asyncio.to_thread(_sizes, stage)
    wanted = await asyncio.to_thread(_size_of, stage, name)
    expect(old != {wanted}, f"the servers have {old} before")
    async with on.watched() as watch:
        before = {task.arn for task in await asyncio.to_thread(stage.tasks)}
        connections, watch.began = ledger.reconnected, time.monotonic()
        await asyncio.to_thread(stage.cloud.fire_schedule, name, stage.region)

        await eventually_async(
            lambda: stage.whole() and _have_ended(stage, before), within=within, what="servers of the other size"
        )
        changed = time.monotonic()
        again = await eventually_async(
            lambda: ledger.again(present, changed), within=60, what="a message of everybody, and one to everybody"
        )
        await on.calm(watch, within)
        late, connections = ledger.slowest_delivery(watch.began), ledger.reconnected - connections
    found = await asyncio.to_thread(_sizes, stage)
    expect(found == {wanted}, f"the servers have {found}")
    told = (
        f"{wanted} after {changed - watch.began:.1f} s; {watch.told()}; {connections} connections made anew, a message "
        f"reached somebody at most {late:.1f} s after it was stored; everybody had sent and received again "
        f"{again - changed:.1f} s after the last old server had ended"
    )
    expect(allowed.allows(watch), told)
    return told


def _have_ended(stage: Stage, tasks: set[str]) -> bool:
    """Whether nothing of these tasks runs: for some seconds those that are to end still have connections."""
    ecs = stage.client("ecs")
    described = ecs.describe_tasks(cluster=stage.outputs["ClusterName"], tasks=sorted(tasks))["tasks"]
    return all(task["lastStatus"] == "STOPPED" for task in described)


def _sizes(stage: Stage) -> set[str]:
    """Return the sizes of the tasks that run."""
    arns = [task.arn for task in stage.tasks()]
    tasks = stage.client("ecs").describe_tasks(cluster=stage.outputs["ClusterName"], tasks=arns)["tasks"]
    return {_size(stage, task["taskDefinitionArn"]) for task in tasks}


def _size_of(stage: Stage, schedule: str) -> str:
    """Return the size that a schedule gives to tasks."""
    target = stage.client("scheduler").get_schedule(Name=schedule)["Target"]
    return _size(stage, json.loads(target["Input"])["task_definition"])


def _size(stage: Stage, definition: str) -> str:
    found = stage.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return f"{found['cpu']} CPU units and {found['memory']} MiB"


async def kill_the_cache(on: Faults, *, allowed: Allowed, within: float) -> str:
    """Kill the primary of the cache, by which servers tell each other of messages.

    Args:
        on: The board.
        allowed: What may go wrong.
        within: Seconds until a replica has taken over, and people have been served.
    """
    stage, ledger = on.stage, on.crowd.ledger
    async with on.watched() as watch:
        primary, watch.began = await asyncio.to_thread(_primary, stage), time.monotonic()
        await asyncio.to_thread(stage.cloud.kill_cache, stage.outputs["CacheHost"])
        await eventually_async(lambda: _primary(stage) not in {primary, ""}, within=within, what="another primary")
        taken = time.monotonic() - watch.began
        await on.calm(watch, within)
        late = ledger.slowest_delivery(watch.began)
    told = (
        f"{watch.told()}; a replica took over after {taken:.1f} s, and a message reached somebody at most {late:.1f} s "
        "after it was stored"
    )
    expect(allowed.allows(watch), told)
    return told


def _primary(stage: Stage) -> str:
    [group] = stage.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    [shard] = group["NodeGroups"]
    primaries = [one["CacheClusterId"] for one in shard["NodeGroupMembers"] if one["CurrentRole"] == "primary"]
    return str(primaries[0]) if primaries else ""


async def ask_without_a_signature(on: Faults) -> str:
    """Ask for a file with its link, without the signature, with that of another file, and from the bucket itself."""
    ann, ben, *_ = on.crowd.present
    texts = [f"only with a link: {secrets.token_hex(8)}".encode() for _ in range(2)]
    keys = [await ann.upload(f"note-{number}.txt", "text/plain", text) for number, text in enumerate(texts)]
    links: list[str] = []
    for number, key in enumerate(keys):
        await ann.say(f"read note {number}", attachment=key)
        answer = await ben.ask("GET", f"/files/{key}")
        expect(answer.status_code == 200, f"GET /files: {answer.status_code} {answer.text}")
        links.append(answer.json()["url"])
    (address, _, _), (_, _, of_another) = (link.partition("?") for link in links)
    stage = on.stage
    bucket = f"{stage.cloud.endpoint}/{stage.outputs['BucketName']}/{keys[0]}"
    async with httpx.AsyncClient(timeout=30, trust_env=False) as browser:

        async def ask(url: str) -> httpx.Response:
            return await browser.get(on.crowd.reached(url))

        signed = await ask(links[0])
        refused: dict[str, Any] = {
            "without a signature": await ask(address),
            "with that of another file": await ask(f"{address}?{of_another}"),
            "from the bucket": await browser.get(bucket),
        }
    expect(signed.content == texts[0], f"{signed.status_code}: {signed.text[:300]!a}")
    let_in = [how for how, answer in refused.items() if answer.status_code != 403]
    expect(not let_in, f"{let_in}: {[answer.status_code for answer in refused.values()]}")
    return f"{len(texts[0])} bytes with the link; 403 {', '.join(refused)}"
