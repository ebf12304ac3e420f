"""The devices claim their identities."""

import asyncio
import time

from cdp_device.provisioning import claim
from cdp_device.session import RejectedError
from demo.iot.stage import DEVICES, Stage, kind_of, site_of
from demo.report import StepFailed, expect

_UNLISTED = "stranger-01"


class Joining:
    """The steps of a fleet's first minute."""

    def __init__(self, stage: Stage) -> None:
        """Prepare."""
        self._stage = stage

    async def join(self) -> str:
        """Let all devices claim their identities."""
        operator, fleet, serials = self._stage.operator, self._stage.fleet, self._stage.serials
        await asyncio.to_thread(operator.allow, {serial: (site_of(serial), kind_of(serial)) for serial in serials})
        for serial in serials:
            fleet.make(serial, kind_of(serial))
        started = time.perf_counter()
        await fleet.join(serials)
        seconds = time.perf_counter() - started
        statuses = await asyncio.to_thread(operator.statuses)
        expect(statuses == {"pending": DEVICES}, f"statuses {dict(statuses)}")
        identities = [member.store.current() for member in fleet.members.values()]
        certificates = {identity.certificate_id for identity in identities if identity is not None}
        keys = {identity.key for identity in identities if identity is not None}
        expect(len(certificates) == len(keys) == DEVICES, f"{len(certificates)} certificates, {len(keys)} keys")
        return f"{DEVICES} certificates and keys in {seconds:.1f} s; pending until each is used"

    async def join_unlisted(self) -> str:
        """Claim with a serial number that is not on the allow-list."""
        try:
            await claim(self._stage.fleet.settings(_UNLISTED))
        except RejectedError as refusal:
            expect(refusal.code == "AccessDenied", f"{refusal}")
        else:
            raise StepFailed("it got an identity")
        things = await asyncio.to_thread(self._things)
        expect(_UNLISTED not in things, "a thing was made for it")
        return f"AccessDenied; no thing of this name among {len(things)}"

    def _things(self) -> set[str]:
        pages = self._stage.operator.client("iot").get_paginator("list_things").paginate()
        return {thing["thingName"] for page in pages for thing in page["things"]}
