"""Somebody with a stolen claim certificate: it is the same in many devices."""

import asyncio
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from cdp_constructs.testing import eventually
from cdp_device.device import Device
from cdp_device.identity import Identity, make_key, signing_request
from cdp_device.provisioning import CREATE, request_identity
from cdp_device.sensors import SimulatedHygrometer
from cdp_device.session import RejectedError
from cdp_device.settings import Configuration
from tests.security.devices import Devices, is_cut_off, publish_bytes, see

KEY = make_key()
RUNBOOK = Path(__file__).parents[2] / "docs/runbooks/iot/repeated-claim.md"


def ask(devices: Devices, serial_number: str, client_id: str, **parameters: str) -> dict[str, Any]:
    """Ask for an identity in own words, and return what AWS IoT answers."""

    async def attempt() -> dict[str, Any]:
        async with devices.connected(client_id, devices.claim_file) as session:
            signed = await session.ask(CREATE, {"certificateSigningRequest": signing_request(make_key(), "any")})
            request = {
                "certificateOwnershipToken": signed["certificateOwnershipToken"],
                "parameters": {"SerialNumber": serial_number, **parameters},
            }
            answer: dict[str, Any] = await session.ask(
                f"$aws/provisioning-templates/{devices.template}/provision/json", request
            )
            return answer

    return asyncio.run(attempt())


async def use(devices: Devices, identity: Identity) -> None:
    """Connect with a certificate and report its use, as a device does."""
    async with devices.connected(identity.thing, devices.pem(identity)) as session:
        await session.publish(identity.configuration.telemetry_topic(identity.thing, "certificate"), {})
        await see(lambda: devices.listed(identity.thing)["status"]["S"] == "active", "its use")


# --- what a claim certificate may ask for


@pytest.fixture(scope="module")
def in_use(devices: Devices) -> Identity:
    """A device that has connected with its certificate."""
    identity = devices.join("claimed-active")
    asyncio.run(use(devices, identity))
    return identity


def test_an_identity_in_use_cannot_be_claimed(devices: Devices, in_use: Identity) -> None:
    with pytest.raises(RejectedError, match="AccessDenied"):
        devices.claim(in_use.thing)
    assert devices.lets_in(in_use.thing, devices.pem(in_use))


@pytest.mark.parametrize(
    ("serial_number", "item"),
    [
        ("claimed-blocked", {"status": "blocked"}),
        ("claimed-elsewhere", {"context": "elsewhere"}),
        ("claimed-unlisted", None),
        ("?", None),
        ("+", None),
        ("#", None),
        ("all", None),
        ("", None),
    ],
)
def test_serial_numbers_that_are_not_allowed_get_nothing(
    devices: Devices, serial_number: str, item: dict[str, str] | None
) -> None:
    if item is not None:
        devices.operator.allow({serial_number: ("home", "hygrometer")})
        devices.change(serial_number, **item)
    # AWS IoT takes no client id with a wildcard, so such serial numbers are asked for under another one.
    client_ids = {f"claim-{serial_number}"} if serial_number.replace("-", "").isalnum() else {"claim-other"}
    for client_id in client_ids:
        with pytest.raises(RejectedError, match="AccessDenied"):
            ask(devices, serial_number, client_id)
    assert devices.listed(serial_number).get("next_certificate_id") is None if serial_number else True


@pytest.mark.parametrize("client_id", ["claim-other", "claim-", "claim-claimed-neighbour-2"])
def test_a_claim_is_for_the_serial_number_of_the_connection(devices: Devices, client_id: str) -> None:
    devices.operator.allow({"claimed-neighbour": ("home", "hygrometer")})
    with pytest.raises(RejectedError, match="AccessDenied"):
        ask(devices, "claimed-neighbour", client_id)
    assert "status" not in devices.listed("claimed-neighbour")


def test_what_the_device_says_about_itself_is_ignored(devices: Devices) -> None:
    devices.operator.allow({"claimed-modest": ("home", "hygrometer")})
    lies = {"Context": "factory", "Kind": "boss", "Group": devices.operator.outputs["Groupfactory"]}
    answer = ask(devices, "claimed-modest", "claim-claimed-modest", **lies)
    assert (answer["deviceConfiguration"]["context"], answer["deviceConfiguration"]["kind"]) == ("home", "hygrometer")
    iot = devices.operator.client("iot")
    assert iot.describe_thing(thingName="claimed-modest")["attributes"] == {"context": "home", "kind": "hygrometer"}
    groups = [
        group["groupName"] for group in iot.list_thing_groups_for_thing(thingName="claimed-modest")["thingGroups"]
    ]
    assert groups == [devices.operator.outputs["Grouphome"]]


# --- what it may connect as, publish and hear


@pytest.mark.parametrize("client_id", ["claimed-active", "all", "x-claim-", "Claim-x"])
def test_it_connects_as_a_claim_only(devices: Devices, in_use: Identity, client_id: str) -> None:
    assert in_use.thing == "claimed-active"
    assert devices.lets_in("claim-anything", devices.claim_file)
    assert devices.keeps_out(client_id, devices.claim_file)


@pytest.mark.parametrize(
    "topic",
    [
        "dt/sensors/home/claimed-active/climate",
        "cmd/sensors/home/claimed-active/req",
        "cmd/sensors/home/claimed-active/res",
        "cmd/sensors/all/all/req",
        "$aws/things/claimed-active/shadow/update",
        "$aws/things/claimed-active/jobs/get",
        "$aws/certificates/create/json",
        "$aws/provisioning-templates/other/provision/json",
        "$aws/events/presence/connected/claimed-active",
    ],
)
def test_it_publishes_requests_for_a_certificate_only(devices: Devices, in_use: Identity, topic: str) -> None:
    async def attempt() -> tuple[bool, bool]:
        async with devices.connected("claim-talks", devices.claim_file) as session:
            allowed = await is_cut_off(session, session.publish(CREATE, {}))
            return allowed, await is_cut_off(session, session.publish(topic, {"state": {"reported": {"stolen": 1}}}))

    assert asyncio.run(attempt()) == (False, True)
    assert devices.shadow(in_use.thing) is None


@pytest.mark.parametrize(
    "topic_filter",
    [
        *("#", "+/#", "$aws/#", "dt/#", "cmd/#", "cmd/sensors/home/claimed-active/req"),
        "$aws/certificates/+/json/accepted",
        "$aws/provisioning-templates/+/provision/json/accepted",
        "$aws/events/#",
        "$aws/things/claimed-active/shadow/#",
        "$share/group/$aws/certificates/create-from-csr/json/accepted",
    ],
)
def test_it_hears_answers_to_requests_only(devices: Devices, in_use: Identity, topic_filter: str) -> None:
    del in_use

    async def ignore(_document: Any) -> None: ...

    async def attempt() -> tuple[bool, bool]:
        async with devices.connected("claim-hears", devices.claim_file) as session:
            allowed = await is_cut_off(session, session.subscribe(f"{CREATE}/accepted", ignore))
            return allowed, await is_cut_off(session, session.subscribe(topic_filter, ignore))

    assert asyncio.run(attempt()) == (False, True)


def test_one_claim_does_not_hear_the_certificate_of_another(devices: Devices) -> None:
    devices.operator.allow({"claimed-quietly": ("home", "hygrometer")})
    overheard: list[Any] = []

    async def listen() -> None:
        async with devices.connected("claim-listens", devices.claim_file) as spy:

            async def hear(document: Any) -> None:
                overheard.append(document)

            for topic in (CREATE, f"$aws/provisioning-templates/{devices.template}/provision/json"):
                await spy.subscribe(f"{topic}/accepted", hear)
            await devices.claiming("claimed-quietly")
            assert overheard == []
            # The same ears hear the answer to a request of their own.
            await spy.publish(CREATE, {"certificateSigningRequest": signing_request(make_key(), "spy")})
            await see(lambda: len(overheard) == 1, "the own certificate")

    asyncio.run(listen())


# --- whose certificate a device renews


@pytest.mark.parametrize("other", ["claimed-active", "renewal-pending", "renewal-allowed", "renewal-unlisted"])
def test_a_device_cannot_renew_as_another(devices: Devices, in_use: Identity, other: str) -> None:
    del in_use
    own = devices.join("renewal-own")
    if other == "renewal-pending":
        devices.join(other)
    if other == "renewal-allowed":
        devices.operator.allow({other: ("home", "hygrometer")})
    before = devices.listed(other)

    async def attempt() -> None:
        await use(devices, own)
        async with devices.connected(own.thing, devices.pem(own)) as session:
            renewed = await request_identity(session, own.thing, devices.template)
            assert renewed.thing == own.thing
            with pytest.raises(RejectedError, match="AccessDenied"):
                await request_identity(session, other, devices.template)

    asyncio.run(attempt())
    assert devices.listed(other) == before


# --- a device that has claimed, and is claimed again before it has connected


def connect_and_be_claimed_again(devices: Devices, first: Identity) -> Identity:
    """Return the second identity; the first holder is connected meanwhile, and hears no more after it."""

    async def attempt() -> Identity:
        async with devices.connected(first.thing, devices.pem(first)) as session:
            own = session.publish(f"dt/sensors/home/{first.thing}/other", {})
            assert not await is_cut_off(session, own)
            second = await devices.claiming(first.thing)
            await asyncio.wait({session.ended}, timeout=2)
            assert session.ended.done(), "the first connection lives on"
            return second

    return asyncio.run(attempt())


def test_second_claim_retires_the_first_at_once_and_raises_an_alarm(devices: Devices) -> None:
    first = devices.join("claimed-twice")
    devices.operator.cloud.metrics.advance(minutes=30)
    assert alarm(devices)["StateValue"] == "OK"
    second = connect_and_be_claimed_again(devices, first)
    assert devices.status(first) == "INACTIVE"
    principals = devices.operator.client("iot").list_thing_principals(thingName=first.thing)["principals"]
    assert [principal.rpartition("/")[2] for principal in principals] == [second.certificate_id]
    assert devices.keeps_out(first.thing, devices.pem(first))
    assert devices.lets_in(second.thing, devices.pem(second))
    asyncio.run(use(devices, second))
    assert devices.status(second) == "ACTIVE"
    devices.operator.cloud.metrics.advance(minutes=1)
    raised = alarm(devices)
    assert raised["StateValue"] == "ALARM"
    assert raised["AlarmActions"] == [devices.operator.part("AlarmsFanoutTopic")]
    assert "docs/runbooks/iot/repeated-claim.md" in raised["AlarmDescription"]


def alarm(devices: Devices) -> dict[str, Any]:
    """Return the alarm of a second claim, on the metric that the registration function logs."""
    name = devices.operator.part("FleetRepeatedClaimAlarm")
    [described] = devices.operator.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return dict(described)


def test_the_thief_who_claims_second_is_retired_by_the_device_that_asks_again(devices: Devices) -> None:
    device, thief = devices.join("claimed-by-turns"), devices.claim("claimed-by-turns")
    assert devices.keeps_out(device.thing, devices.pem(device))
    again = devices.claim("claimed-by-turns")
    asyncio.run(use(devices, again))
    assert [devices.status(identity) for identity in (device, thief, again)] == ["INACTIVE", "INACTIVE", "ACTIVE"]
    with pytest.raises(RejectedError):
        devices.claim("claimed-by-turns")


def test_the_program_of_the_device_takes_its_identity_back_from_a_thief(devices: Devices) -> None:
    serial = "claimed-by-thief"
    first = devices.join(serial)
    device = Device(devices.settings(serial), SimulatedHygrometer(), first_pause=0.1, patience=2)
    device.store.keep(first)
    thief = devices.claim(serial)
    assert devices.lets_in(serial, devices.pem(thief))

    async def run() -> None:
        running = asyncio.create_task(device.run())
        try:
            await see(lambda: devices.listed(serial)["status"]["S"] == "active", "the use of an identity", within=60)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    current = device.store.current()
    assert current is not None
    assert devices.listed(serial)["certificate_id"]["S"] == current.certificate_id
    assert current.certificate_id not in {first.certificate_id, thief.certificate_id}
    assert [devices.status(each) for each in (first, thief, current)] == ["INACTIVE", "INACTIVE", "ACTIVE"]


def test_claims_at_once_leave_one_certificate_once_it_is_used(devices: Devices) -> None:
    serial = "claimed-at-once"
    devices.operator.allow({serial: ("home", "hygrometer")})
    provision = f"$aws/provisioning-templates/{devices.template}/provision/json"

    async def race() -> list[str]:
        answers: list[Any] = []
        async with devices.connected(f"claim-{serial}", devices.claim_file) as session:

            async def hear(answer: Any) -> None:
                answers.append(answer)

            for end in ("accepted", "rejected"):
                await session.subscribe(f"{provision}/{end}", hear)
            signed = [
                await session.ask(CREATE, {"certificateSigningRequest": signing_request(KEY, serial)}) for _ in range(4)
            ]
            requests = (
                {"certificateOwnershipToken": each["certificateOwnershipToken"], "parameters": {"SerialNumber": serial}}
                for each in signed
            )
            await asyncio.gather(*(session.publish(provision, request) for request in requests))
            await see(lambda: len(answers) == len(signed), "an answer to each")
            admitted = [answer for answer in answers if "thingName" in answer]
            assert admitted, answers
            chosen = next(each for each in signed if each["certificateId"] == newest())
        await use(devices, identity_of(chosen, admitted[0]))
        return [each["certificateId"] for each in signed]

    def newest() -> str:
        return str(devices.listed(serial)["next_certificate_id"]["S"])

    def identity_of(signed: dict[str, Any], registered: dict[str, Any]) -> Identity:
        return Identity(
            thing=serial,
            certificate_id=signed["certificateId"],
            certificate=signed["certificatePem"],
            key=KEY,
            issued_at=0,
            configuration=Configuration.model_validate(registered["deviceConfiguration"]),
        )

    issued = asyncio.run(race())

    def active() -> list[str]:
        return [each for each in issued if devices.status_of(each) == "ACTIVE"]

    eventually(lambda: active() == [newest()], what="one active certificate, the one in use")


def test_after_the_window_an_operator_allows_it_again_with_the_command_of_the_runbook(devices: Devices) -> None:
    first = devices.join("claimed-late")
    long_ago = datetime.now(UTC) - timedelta(hours=1, seconds=1)
    devices.change("claimed-late", claimed_at=long_ago.isoformat(timespec="seconds"))
    with pytest.raises(RejectedError, match="AccessDenied"):
        devices.claim("claimed-late")
    assert devices.lets_in(first.thing, devices.pem(first)), "the first certificate is not touched by it"

    devices.operator.client("dynamodb").update_item(**command_of_the_runbook(devices, "claimed-late"))
    second = devices.claim("claimed-late")
    assert devices.status(first) == "INACTIVE"
    asyncio.run(use(devices, second))
    assert devices.lets_in(second.thing, devices.pem(second))


def command_of_the_runbook(devices: Devices, serial_number: str) -> dict[str, Any]:
    """Return what the AWS CLI would send for the page's command."""
    [command] = re.findall(r"```console\n(aws dynamodb update-item .+?)```", RUNBOOK.read_text(), re.DOTALL)
    filled = command.replace('"$(cdp output AllowListName)"', devices.table).replace("<serial number>", serial_number)
    words = shlex.split(filled.replace("\\\n", " "))
    assert words[:3] == ["aws", "dynamodb", "update-item"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    sent = {
        "".join(part.capitalize() for part in name.removeprefix("--").split("-")): value
        for name, value in options.items()
    }
    sent |= {name: json.loads(value) for name, value in sent.items() if value.startswith("{")}
    assert sent["Key"] == {"serial_number": {"S": serial_number}}
    return sent


# --- noise, and the end of a claim certificate


def test_payloads_that_are_no_requests_harm_nobody(devices: Devices) -> None:
    payloads = [b"", b"{", b"[" * 50_000, b"\xff\xfe", b'{"certificateSigningRequest": 1}', b"x" * 100_000]
    asyncio.run(publish_bytes(devices, "claim-noise", devices.claim_file, CREATE, payloads))
    assert devices.join("claimed-in-noise").thing == "claimed-in-noise"


def test_a_deactivated_claim_certificate_gets_no_connection(devices: Devices) -> None:
    file = devices.folder / "stolen-claim.pem"
    file.write_text(devices.operator.issue_claim())
    assert devices.lets_in("claim-any", file)
    iot = devices.operator.client("iot")
    [certificate] = [
        found["certificateId"]
        for found in iot.list_certificates(pageSize=250)["certificates"]
        if iot.describe_certificate(certificateId=found["certificateId"])["certificateDescription"]["certificatePem"]
        in file.read_text()
    ]
    iot.update_certificate(certificateId=certificate, newStatus="INACTIVE")
    assert devices.keeps_out("claim-any", file)
    with pytest.raises(aiomqtt.MqttError):
        asyncio.run(publish_bytes(devices, "claim-any", file, CREATE, [b"{}"]))
