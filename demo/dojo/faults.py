"""What is done to a board while people talk, and what they notice of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from demo.dojo.ledger import Watch
from demo.dojo.people import Crowd
from demo.dojo.releases import Releases, broken, renamed
from demo.dojo.stage import Stage
from demo.report import StepFailed, eventually_async, expect

__all__ = ["BY_DESIGN", "NOTHING", "REGION_LOST", "Allowed", "Drill", "Faults"]

_BEFORE = 1.0
"""Seconds for which people talk before something happens."""


@dataclass(frozen=True)
class Allowed:
    """What may go wrong for people; None where the board has no server meanwhile.

    Args:
        failed: Requests that fail, though the client sends them again.
        sent_again: Requests that the client sends again.
    """

    failed: int | None = 0
    sent_again: int | None = 0

    def allows(self, watch: Watch) -> bool:
        """Whether no more than this went wrong."""
        seen = ((self.failed, len(watch.failed)), (self.sent_again, watch.sent_again))
        return all(most is None or count <= most for most, count in seen)


NOTHING = Allowed()
BY_DESIGN = Allowed(None, None)


@dataclass(frozen=True)
class Drill:
    """Something that is done to a board.

    Args:
        title: What.
        expected: What must be seen.
        action: Does it with a board's ``Faults``, and returns what was seen.
        lost: What is lost with it, as the judge names it: ``instance``, ``zone`` or ``Region``. It is measured then.
        until_repaired: Whether people are served again only when it is back, by design.
        reads_on: Whether people read meanwhile, and only what they send waits until it is back.
        servers_only: Whether ``make demo-servers`` alone does it: a release, load, or what is particular to a board.
    """

    title: str
    expected: str
    action: "Callable[[Faults], Any]"
    lost: str = ""
    until_repaired: bool = False
    reads_on: bool = False
    servers_only: bool = False


class Faults:
    """Does something to a board while its people talk; each method returns what was seen.

    Args:
        stage: The board.
        crowd: Its people.
        releases: Deploys versions of it.
    """

    def __init__(self, stage: Stage, crowd: Crowd, releases: Releases) -> None:
        self.stage, self.crowd, self._releases = stage, crowd, releases
        self.watch: Watch | None = None
        """Has looked since the last fault; whoever makes one by himself puts it here."""
        self._closed: list[tuple[str, Any]] = []

    async def kill_a_task(self, *, allowed: Allowed, within: float) -> str:
        """Kill one of the tasks.

        Args:
            allowed: What may go wrong.
            within: Seconds until there are as many as before.
        """
        async with self.watched() as watch:
            [lost, *_] = await asyncio.to_thread(self.stage.tasks)
            watch.began = time.monotonic()
            await asyncio.to_thread(self.stage.cloud.kill_task, lost.arn)
            return await self._recovered(watch, {lost.arn}, allowed=allowed, within=within)

    async def lose_a_zone(self, *, allowed: Allowed, within: float) -> str:
        """Take away the zone of the database's writer, with the tasks in it, and give it back at the end.

        Without a writer it is the zone of a task.
        """
        async with self.watched() as watch:
            tasks = await asyncio.to_thread(self.stage.tasks)
            instances = await asyncio.to_thread(self.stage.instances)
            zone = instances[0]["AvailabilityZone"] if instances else tasks[0].zone
            gone = {task.arn for task in tasks if task.zone == zone}
            watch.began = time.monotonic()
            try:
                died = await asyncio.to_thread(self.stage.cloud.lose_zone, zone)
                seen = await self._recovered(watch, gone, allowed=allowed, within=within)
            finally:
                await asyncio.to_thread(self.stage.cloud.restore_zone, zone)
        await self._database_is_whole()
        return f"{zone} with {died['tasks']} tasks and {died['databases']} databases: {seen}"

    async def kill_the_writer(self, *, allowed: Allowed, within: float) -> str:
        """Kill the database's writer.

        Args:
            allowed: What may go wrong.
            within: Seconds until nothing fails any more.
        """
        async with self.watched() as watch:
            [writer, *others] = await asyncio.to_thread(self.stage.instances)
            watch.began = time.monotonic()
            await asyncio.to_thread(self.stage.cloud.kill_database, writer["DBInstanceArn"])
            if others:
                await eventually_async(
                    lambda: self._writer() != writer["DBInstanceIdentifier"], within=within, what="a writer"
                )
            seen = await self._recovered(watch, set(), allowed=allowed, within=within)
        await self._database_is_whole()
        return seen

    async def release(self, *, allowed: Allowed, within: float) -> str:
        """Deploy a new version."""
        before = await asyncio.to_thread(self.stage.service)
        async with self.watched() as watch:
            refused = await asyncio.to_thread(self._releases.deploy, renamed)
            expect(refused is None, f"rolled back: {refused}")
            seen = await self._recovered(watch, set(), allowed=allowed, within=within)
        after = await asyncio.to_thread(self.stage.service)
        expect(after["taskDefinition"] != before["taskDefinition"], "the version is the same")
        return seen

    async def release_what_does_not_start(self, *, allowed: Allowed, within: float) -> str:
        """Deploy a version that ends at once; the one before must be back."""
        before = await asyncio.to_thread(self.stage.service)
        async with self.watched() as watch:
            refused = await asyncio.to_thread(self._releases.deploy, broken)
            expect(refused is not None, "it was not rolled back")
            seen = await self._recovered(watch, set(), allowed=allowed, within=within)
        after = await asyncio.to_thread(self.stage.service)
        expect(after["taskDefinition"] == before["taskDefinition"], "another version runs")
        return f"rolled back: {seen}"

    async def lose_the_only_database(self, *, within: float) -> str:
        """Take away the zone of a database that has no standby, and give it back: in between nobody can be served."""
        stage = self.stage
        async with self.watched() as watch:
            [database] = await asyncio.to_thread(stage.instances)
            zone = database["AvailabilityZone"]
            [server] = await asyncio.to_thread(stage.tasks)
            async with self._away(watch, [zone]):
                moved = await eventually_async(self._tasks_outside(zone), within=60, what="a server in another zone")
                elsewhere = time.monotonic() - watch.began
                await self._nobody_is_served(watch)
            back = await self._served_again(watch, within)
        await self._database_is_whole()
        was = f"moved after {elsewhere:.1f} s" if moved[0].arn != server.arn else "was in another zone"
        return f"nobody was served while {zone} was away; the server {was}; served again {back:.1f} s after it was back"

    async def lose_the_region(self, *, within: float) -> str:
        """Take away every zone of the board's Region and cut the Region off, and give it back.

        Args:
            within: Seconds until people are served once it is back.
        """
        stage = self.stage
        async with self.watched() as watch:
            described = await asyncio.to_thread(stage.client("ec2").describe_availability_zones)
            zones = sorted(zone["ZoneName"] for zone in described["AvailabilityZones"])
            async with self._away(watch, zones):
                with stage.cloud.cut_off(stage.region):
                    await self._nobody_is_served(watch)
            back = await self._served_again(watch, within)
            await eventually_async(stage.whole, within=within, what="as many tasks as before")
        if "DatabaseId" in stage.outputs:
            await self._database_is_whole()
        return f"nobody was served while {stage.region} was away; served again {back:.1f} s after it was back"

    @asynccontextmanager
    async def _away(self, watch: Watch, zones: Sequence[str]) -> AsyncIterator[None]:
        """Take zones away inside the block."""
        cloud = self.stage.cloud
        try:
            for zone in zones:
                await asyncio.to_thread(cloud.lose_zone, zone)
            watch.began = time.monotonic()
            yield
        finally:
            for zone in zones:
                await asyncio.to_thread(cloud.restore_zone, zone)
            watch.restored = time.monotonic()

    async def _nobody_is_served(self, watch: Watch) -> None:
        # The application waits for its database, so that a failure takes a while.
        await eventually_async(lambda: watch.unanswered, within=60, what="a request that failed")
        await asyncio.sleep(2)
        late = [answer for answer in watch.answers if answer.at - answer.seconds > watch.began + 1]
        served = [answer for answer in late if answer.failure is None]
        expect(not served, f"{len(served)} requests were answered")

    async def _served_again(self, watch: Watch, within: float) -> float:
        """Return the seconds that it took once what was lost is back."""
        await self.calm(watch, within)
        return time.monotonic() - watch.restored

    async def fail_the_deep_check(self, *, within: float) -> str:
        """Let the database start again and the server not in, until its own check has it made anew."""
        stage = self.stage
        [database] = await asyncio.to_thread(stage.instances)
        [server] = await asyncio.to_thread(stage.tasks)
        async with self.watched() as watch:
            watch.began = time.monotonic()
            await asyncio.to_thread(self._let_in, database, allowed=False)
            try:
                # Security groups decide about new connections, so that those that are there have to end.
                await asyncio.to_thread(stage.cloud.kill_database, database["DBInstanceArn"])
                await eventually_async(self._tasks_other_than({server.arn}), within=within, what="another server")
                noticed = time.monotonic() - watch.began
            finally:
                await asyncio.to_thread(self._let_in, database, allowed=True)
            await self.calm(watch, within)
        why = await asyncio.to_thread(stage.stopped)
        expect("health check" in why, f"it was made anew for another reason: {why}")
        return f"made anew {noticed:.1f} s after it had lost the database; {watch.told()}"

    def _let_in(self, database: dict[str, Any], *, allowed: bool) -> None:
        """Remove the rules that let the server connect, or add them again."""
        ec2 = self.stage.client("ec2")
        if allowed:
            for group, rules in self._closed:
                ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
            return
        groups = [group["VpcSecurityGroupId"] for group in database["VpcSecurityGroups"]]
        found = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
        self._closed = [(one["GroupId"], one["IpPermissions"]) for one in found if one["IpPermissions"]]
        for group, _ in self._closed:
            rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
            ids = [one["SecurityGroupRuleId"] for one in rules["SecurityGroupRules"] if not one["IsEgress"]]
            ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ids)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Watch]:
        """Let people talk, and watch them, inside the block."""
        async with self.crowd.talking():
            await asyncio.sleep(_BEFORE)
            self.watch = Watch(self.crowd.ledger)
            yield self.watch

    async def _recovered(self, watch: Watch, gone: set[str], *, allowed: Allowed, within: float) -> str:
        """Wait until tasks are replaced and nothing fails, and judge."""
        await eventually_async(self._whole_without(gone), within=within, what="as many tasks as before")
        whole = time.monotonic() - watch.began
        await self.calm(watch, within)
        told = f"{watch.told()}; as many healthy tasks as before after {whole:.1f} s"
        expect(allowed.allows(watch), told)
        expect(watch.served_again <= within, told)
        return told

    async def calm(self, watch: Watch, within: float) -> None:
        """Wait until people have been served for a moment, and everybody has sent and received again."""
        present = [person.name for person in self.crowd.present]

        def again() -> bool:
            # Of a drill that is over with the repair, what counts is what was said after it.
            return self.crowd.ledger.again(present, watch.restored or watch.began) is not None

        try:
            await eventually_async(lambda: watch.calm, within=within, what="twenty answers without a failure")
            await eventually_async(again, within=within, what="a message of everybody, and one to everybody")
        except StepFailed as failed:
            raise StepFailed(f"{failed}: {watch.told()}; {await asyncio.to_thread(self.stage.stopped)}") from None

    def _whole_without(self, gone: set[str]) -> Callable[[], bool]:
        return lambda: not gone & {task.arn for task in self.stage.tasks()} and self.stage.whole()

    def _tasks_other_than(self, gone: set[str]) -> Callable[[], Any]:
        return lambda: [task for task in self.stage.tasks() if task.arn not in gone]

    def _tasks_outside(self, zone: str) -> Callable[[], Any]:
        return lambda: [task for task in self.stage.tasks() if task.zone != zone]

    def _writer(self) -> str:
        return str(self.stage.instances()[0]["DBInstanceIdentifier"])

    async def _database_is_whole(self) -> None:
        def look() -> bool:
            return all(one["DBInstanceStatus"] == "available" for one in self.stage.instances())

        await eventually_async(look, within=60, what="the database with all of its servers")


REGION_LOST = Drill(
    "By design: the Region is lost",
    "nobody is served until it is back, and nothing is lost",
    lambda on: on.lose_the_region(within=120),
    lost="Region",
    until_repaired=True,
)
"""Done to each board that has one Region, at last."""
