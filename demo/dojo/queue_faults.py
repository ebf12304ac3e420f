"""What is done to a board whose messages go to a queue first."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from demo.dojo.faults import Faults
from demo.dojo.ledger import Watch
from demo.dojo.stage import Stage
from demo.report import eventually_async, expect

__all__ = ["accept_without_the_database", "kill_a_worker", "set_aside_what_nobody_can_read"]

_WORKERS = "WorkerServiceName"


async def accept_without_the_database(on: Faults, *, messages: int, within: float) -> str:
    """Take the database away, send messages one after the other, and give it back.

    Args:
        on: The board.
        messages: How many.
        within: Seconds until they are stored once the database is back.
    """
    stage, crowd = on.stage, on.crowd
    watch = Watch(crowd.ledger)
    sent: list[str] = []
    async with _without_database(stage):
        for number in range(messages):
            author = crowd.present[number % len(crowd.present)]
            told = await author.say(f"without a database: {number}")
            expect(told["state"] == "accepted", f"message {number} is {told['state']}")
            sent.append(told["id"])
        failed = [one for one in watch.unanswered if one.kind == "POST"]
        expect(not failed, f"{len(failed)} of {messages} messages were refused")
    began = time.monotonic()
    await eventually_async(_is_stored(on, sent[-1]), within=within, what="the last message")
    seconds = time.monotonic() - began
    stored = [one["id"] for one in await crowd.away.read_all() if one["id"] in set(sent)]
    expect(stored == sent, f"{len(stored)} stored, {len(set(stored))} different ones, in another order than sent")
    return f"{messages} accepted, then stored once and in order, {seconds:.1f} s after the database was back"


async def set_aside_what_nobody_can_read(on: Faults, *, within: float) -> str:
    """Put a message into the queue that nobody can read, and another one of the same room behind it."""
    stage, crowd = on.stage, on.crowd
    sqs = stage.client("sqs")
    poison = json.dumps({"id": "no id", "room": crowd.room, "author": crowd.present[0].name, "text": ""})
    await asyncio.to_thread(
        sqs.send_message,
        QueueUrl=stage.outputs["QueueUrl"],
        MessageBody=poison,
        MessageGroupId=crowd.room,
        MessageDeduplicationId=secrets.token_hex(8),
    )
    began = time.monotonic()
    told = await crowd.present[1].say("behind what nobody can read")
    await eventually_async(_is_stored(on, told["id"]), within=within, what="the message behind it")
    seconds = time.monotonic() - began

    def look() -> str | None:
        received = sqs.receive_message(QueueUrl=stage.outputs["DeadLetterQueueUrl"], MessageAttributeNames=["All"])
        for one in received.get("Messages", []):
            if one["Body"] == poison:
                return str(one["MessageAttributes"]["reason"]["StringValue"])
        return None

    reason = await eventually_async(look, within=within, what="the message in the dead-letter queue")
    return f"in the dead-letter queue ({reason.partition(',')[0]}); the next one was stored {seconds:.1f} s later"


async def kill_a_worker(on: Faults, *, within: float) -> str:
    """Kill a worker while people talk; the others, and the one that takes its place, store what it had in hand."""
    stage, crowd = on.stage, on.crowd
    watch = Watch(crowd.ledger)
    async with crowd.talking():
        await asyncio.sleep(1)
        [lost, *others] = await asyncio.to_thread(stage.tasks, _WORKERS)
        began = time.monotonic()
        await asyncio.to_thread(stage.cloud.kill_task, lost.arn)

        def replaced() -> bool:
            now = {task.arn for task in stage.tasks(_WORKERS)}
            return lost.arn not in now and len(now) == 1 + len(others)

        await eventually_async(replaced, within=within, what="as many workers as before")
        seconds = time.monotonic() - began
        told = await crowd.present[0].say("after the worker")
    await eventually_async(_is_stored(on, told["id"]), within=within, what="the last message")
    last = time.monotonic() - began
    expect(not watch.unanswered, watch.told())
    return f"another one after {seconds:.1f} s, everything stored after {last:.1f} s; {watch.told()}"


def _is_stored(on: Faults, message_id: str) -> Callable[[], bool]:
    """Return what looks whether a message is stored: its author may ask for it by its id."""
    tokens = [person.token for person in on.crowd.people.values()]
    return lambda: any(on.stage.get(f"/messages/{message_id}", token) for token in tokens)


@asynccontextmanager
async def _without_database(stage: Stage) -> AsyncIterator[None]:
    """Take the database away: its writer dies, and nobody may connect to the one that takes over."""
    ec2, rds = stage.client("ec2"), stage.client("rds")

    def close() -> tuple[str, list[dict[str, object]]]:
        [cluster] = rds.describe_db_clusters(DBClusterIdentifier=stage.outputs["DatabaseId"])["DBClusters"]
        [group] = [one["VpcSecurityGroupId"] for one in cluster["VpcSecurityGroups"]]
        [rules] = [one["IpPermissions"] for one in ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]]
        filters = [{"Name": "group-id", "Values": [group]}]
        found = ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        ids = [one["SecurityGroupRuleId"] for one in found if not one["IsEgress"]]
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ids)
        stage.cloud.kill_database(stage.instances()[0]["DBInstanceArn"])
        return group, rules

    group, rules = await asyncio.to_thread(close)
    try:
        await eventually_async(lambda: not stage.get("/health/deep"), within=30, what="a deep check that fails")
        yield
    finally:
        await asyncio.to_thread(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=rules)
