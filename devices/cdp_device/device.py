"""The program of a device: it measures always, publishes when it is connected, and executes commands."""

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import aiomqtt

from cdp_device.commands import Command, execute, execute_jobs
from cdp_device.gathering import LONGEST_GATHERING, Gathering, as_message, read_limits
from cdp_device.identity import Identity, IdentityStore
from cdp_device.outbox import Outbox, Waiting
from cdp_device.provisioning import claim, request_identity
from cdp_device.sensors import Hardware, measured
from cdp_device.session import RejectedError, Session, connect
from cdp_device.settings import Settings
from cdp_device.shadow import follow

logger = logging.getLogger(__name__)

_CERTIFICATE, _ALERT = "certificate", "alert"
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.05, 86_400.0
_LONGEST_PAUSE = 60.0
_RENEWAL_CHECK_SECONDS = 3600.0
_TRIES_BEFORE_CLAIM = 3
_LONGEST_REASON = 200


class Device:
    """A device; ``run`` does everything until it is cancelled.

    Attributes:
        settings: As given.
        store: Its identity.
        outbox: Messages that are not published yet.
        commands: What operators can command it to do, by name; add your own.
        connected: Set while it has a connection on which it receives commands.
    """

    def __init__(
        self, settings: Settings, hardware: Hardware, *, first_pause: float = 1.0, patience: float = 10.0
    ) -> None:
        """Prepare; nothing is published yet.

        Args:
            settings: Endpoint and identity.
            hardware: The sensors, and what the device can switch.
            first_pause: Seconds until it tries to connect again; doubled each time, up to a minute, and spread so that
                a fleet does not come back all at once.
            patience: Seconds to wait for a connection and for each answer.
        """
        self.settings = settings
        self.store = IdentityStore(settings.state_folder)
        self.outbox = Outbox(settings.state_folder / "outbox.sqlite", settings.most_unsent)
        self.connected = asyncio.Event()
        self.commands: dict[str, Command] = {
            "ping": self._ping,
            "measure": self._measure_now,
            "rotate": self._rotate,
        }
        self._gathering = Gathering(most_bytes=settings.gather_bytes, catch_up_seconds=settings.catch_up_seconds)
        if (known := self.store.current()) is not None:
            self._gather_as(known)
        self._hardware = hardware
        self._first_pause = first_pause
        self._patience = patience
        self._interval = settings.interval_seconds
        self._interval_changed = asyncio.Event()
        self._filled = asyncio.Event()
        self._reconnect = asyncio.Event()
        self._working = asyncio.Lock()

    async def run(self) -> None:
        """Claim an identity if there is none, then measure and execute commands until cancelled.

        Raises:
            RejectedError: AWS IoT refuses it an identity.
        """
        measuring = asyncio.create_task(self._measure_always())
        try:
            await self._stay_connected()
        finally:
            measuring.cancel()
            await asyncio.gather(measuring, return_exceptions=True)
            self.outbox.close()

    async def identity(self) -> Identity:
        """Return the identity, claiming it first if there is none.

        Raises:
            RejectedError: AWS IoT refuses it one.
        """
        current = self.store.current()
        if current is None:
            current = await claim(self.settings, patience=self._patience)
            self._take(current)
            logger.info("%s has its identity, certificate %s", current.thing, current.certificate_id)
        return current

    async def _stay_connected(self) -> None:
        pause, failures = self._first_pause, 0
        while True:
            try:
                if failures and failures % _TRIES_BEFORE_CLAIM == 0:
                    await self._claim_again()
                identity = await self.identity()
                newer = self.store.next()
                if newer is not None:
                    identity = await self._try_next(identity, newer)
                await self._work(identity)
            except (aiomqtt.MqttError, OSError, TimeoutError, RejectedError) as error:
                if isinstance(error, RejectedError) and error.is_final and self.store.current() is None:
                    raise
                failures += 1
                if self.connected.is_set():
                    pause, failures = self._first_pause, 0
                logger.info("No connection (%s); next try in about %g s", error, pause)
            finally:
                self.connected.clear()
            if self._reconnect.is_set():
                self._reconnect.clear()
                continue
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads reconnections
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _claim_again(self) -> None:
        """Claim another identity if the first was never in use: somebody else may have claimed it, which retires it.

        Raises:
            RejectedError: it is refused; the first identity is kept.
        """
        current = self.store.current()
        if current is None or current.confirmed:
            return
        self._take(await claim(self.settings, patience=self._patience))
        logger.warning("%s could not connect with its first identity, and has claimed another one", current.thing)

    async def _try_next(self, current: Identity, newer: Identity) -> Identity:
        """Return the newer identity if it can connect; otherwise continue with the current one."""
        try:
            async with connect(self.settings, newer.thing, self.store.pem_file(newer), patience=self._patience):
                self.store.promote()
                self._gather_as(newer)
                return newer
        except (aiomqtt.MqttError, OSError) as error:
            logger.warning("The new certificate of %s does not work yet (%s)", newer.thing, error)
            if time.time() - newer.issued_at > _RENEWAL_CHECK_SECONDS:
                self.store.drop_next()
            return current

    async def _work(self, identity: Identity) -> None:
        """Do everything on one connection, until it ends or there is a newer certificate."""
        async with connect(
            self.settings, identity.thing, self.store.pem_file(identity), patience=self._patience
        ) as session:
            identity = await self._confirm(session, identity)
            await self._subscribe(session, identity)
            self.connected.set()
            jobs = [
                asyncio.create_task(self._send_always(session, identity)),
                asyncio.create_task(self._renew_in_time(session, identity)),
                asyncio.create_task(self._reconnect.wait()),
            ]
            try:
                done, _ = await asyncio.wait([*jobs, session.ended], return_when=asyncio.FIRST_COMPLETED)
                for job in done:
                    job.result()
                await session.finish()
            finally:
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)

    async def _confirm(self, session: Session, identity: Identity) -> Identity:
        """Report once that this certificate is in use, so that the earlier ones are retired."""
        if identity.confirmed:
            return identity
        topic = identity.configuration.telemetry_topic(identity.thing, _CERTIFICATE)
        await session.publish(topic, {"certificate_id": identity.certificate_id})
        confirmed = identity.model_copy(update={"confirmed": True})
        self.store.keep(confirmed)
        return confirmed

    # --- measurements

    async def _measure_always(self) -> None:
        failed = False
        while True:
            try:
                self.measure()
            except OSError as error:
                logger.warning("The sensor does not answer: %s", error)
                if not failed:
                    self.report("SensorFailed", str(error))
                failed = True
            else:
                failed = False
            self._interval_changed.clear()
            try:
                await asyncio.wait_for(self._interval_changed.wait(), self._interval)
            except TimeoutError:
                continue

    def measure(self) -> Mapping[str, Any]:
        """Measure once and put it into the outbox; return the message.

        Raises:
            OSError: the sensor does not answer, or with what is no number.
        """
        readings = measured(self._hardware)
        message = {"message_id": str(uuid.uuid4()), "at": int(time.time() * 1000), **readings}
        self.outbox.put(self._hardware.kind, message, gathers=True, urgent=self._gathering.crosses(readings))
        self._filled.set()
        return message

    def report(self, alert: str, reason: str) -> None:
        """Report to the operators of the site what only the device knows, such as a sensor that does not answer."""
        message_id, at = str(uuid.uuid4()), int(time.time() * 1000)
        self.send(_ALERT, {"message_id": message_id, "at": at, "alert": alert, "reason": reason[:_LONGEST_REASON]})

    def send(self, kind: str, message: Mapping[str, Any]) -> None:
        """Publish a message of a type, now or as soon as there is a connection.

        Raises:
            ValueError: it is too large for AWS IoT, or no JSON.
        """
        self.outbox.put(kind, dict(message))
        self._filled.set()

    def _take(self, claimed: Identity) -> None:
        """Keep an identity that was claimed, and do as its configuration says."""
        self.store.keep(claimed)
        self._gather_as(claimed)

    def _gather_as(self, identity: Identity) -> None:
        """Gather as the configuration says that came with an identity."""
        self._gathering.seconds = identity.configuration.gather_seconds
        self._gathering.limits = read_limits(identity.configuration.limits)

    async def _send_always(self, session: Session, identity: Identity) -> None:
        self._gathering.connected(self.outbox, time.time())
        while True:
            self._filled.clear()
            waiting, seconds = self._gathering.due(self.outbox, time.time())
            if waiting:
                await self._publish(session, identity, waiting)
                self.outbox.remove(one.number for one in waiting)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._filled.wait(), seconds)

    async def _publish(self, session: Session, identity: Identity, waiting: Sequence[Waiting]) -> None:
        try:
            topic = identity.configuration.telemetry_topic(identity.thing, waiting[0].kind)
            await session.publish(topic, as_message(waiting))
        except ValueError:
            if len(waiting) > 1:
                for one in waiting:
                    await self._publish(session, identity, [one])
                return
            # No JSON, or of a type that is no level of a topic: those behind it are not to wait for ever.
            logger.exception("A message of type %s can never be published", waiting[0].kind)

    # --- commands, desired state and jobs

    async def _subscribe(self, session: Session, identity: Identity) -> None:
        topics, context, thing = identity.configuration.topics(), identity.configuration.context, identity.thing

        async def command(request: Any) -> None:
            await session.publish(topics.response(context, thing), await execute(self.commands, session, request))

        for topic in (topics.command(context, thing), topics.broadcast(context), topics.broadcast()):
            await session.subscribe(topic, command)
        jobs = f"$aws/things/{thing}/jobs"

        async def next_job(document: Any) -> None:
            if isinstance(document, dict) and document.get("execution"):
                await self._execute_jobs(session, jobs)

        await session.subscribe(f"{jobs}/notify-next", next_job)
        await follow(session, thing, self._apply)
        await self._execute_jobs(session, jobs)

    async def _execute_jobs(self, session: Session, jobs: str) -> None:
        async with self._working:
            await execute_jobs(self.commands, session, jobs)

    def _apply(self, desired: Mapping[str, Any]) -> Mapping[str, Any]:
        """Apply a desired state and return the state to report."""
        changed = self._hardware.switch(desired)
        interval: Any = desired.get("interval_seconds")
        if type(interval) in {int, float} and _SHORTEST_INTERVAL <= interval <= _LONGEST_INTERVAL:
            self._interval = float(interval)
            self._interval_changed.set()
        return {"interval_seconds": self._interval, **self._apply_gathering(desired), **changed}

    def _apply_gathering(self, desired: Mapping[str, Any]) -> Mapping[str, Any]:
        """Gather as an operator desires it, and return what to report of it: nothing unless it gathers or should."""
        reported: dict[str, Any] = {}
        limits = desired.get("limits")
        if isinstance(limits, str):
            self._gathering.limits = read_limits(limits)
            reported["limits"] = limits
        seconds: Any = desired.get("gather_seconds")
        if type(seconds) in {int, float} and 0 <= seconds <= LONGEST_GATHERING:
            self._gathering.seconds = float(seconds)
            self._filled.set()
        if self._gathering.seconds or seconds is not None:
            reported["gather_seconds"] = self._gathering.seconds
        return reported

    # --- the commands that every device has

    async def _ping(self, session: Session, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        del session
        return {**arguments, "unsent": len(self.outbox), "dropped": self.outbox.dropped}

    async def _measure_now(self, session: Session, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        del session, arguments
        return self.measure()

    async def _rotate(self, session: Session, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        del arguments
        renewed = await self._renew(session)
        return {"certificate_id": renewed.certificate_id}

    # --- renewal of the certificate

    async def _renew_in_time(self, session: Session, identity: Identity) -> None:
        while True:
            if identity.is_due():
                try:
                    await self._renew(session)
                except RejectedError as error:
                    logger.warning("The certificate of %s is due and was not renewed: %s", identity.thing, error)
            await asyncio.sleep(_RENEWAL_CHECK_SECONDS)

    async def _renew(self, session: Session) -> Identity:
        """Ask for the next certificate on this connection; then connect with it."""
        identity = await self.identity()
        renewed = await request_identity(session, identity.thing, identity.configuration.template)
        self.store.keep_next(renewed)
        asyncio.get_running_loop().call_later(0.2, self._reconnect.set)  # after the answer to the command
        return renewed
