"""Decides which devices get a certificate: the pre-provisioning hook of a fleet.

AWS IoT calls it before it creates a thing and activates the certificate. First the allow-list gets the new certificate,
then those of earlier claims are retired, then AWS IoT gets its answer: whatever fails in between, at most one
certificate of a claim is active, and the next claim begins with all of them on the list.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from correlation import about

from ..certificates.claims import claim_of
from .allow_list import AllowList
from .earlier_claims import EarlierClaims
from .environment import Environment
from .rules import RefusedError, refusal, status_of

logger = Logger()
metrics = Metrics()
environment = Environment.read()
metrics.set_default_dimensions(function_name=environment.function_name)
allow_list = AllowList(boto3.resource("dynamodb").Table(environment.allow_list))


LONGEST_NAME = 128


@cache
def earlier_claims() -> EarlierClaims:
    """Return what retires certificates; first claims, for which AWS IoT waits 5 seconds, do without its clients."""
    return EarlierClaims(boto3.client("iot"), boto3.client("iot-data"), environment.certificates)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer AWS IoT: ``{"allowProvisioning": …, "parameterOverrides": {…}}``."""
    del context
    with about(logger, claim_of(event["certificateId"])):
        return answer(event)


def answer(event: dict[str, Any]) -> dict[str, Any]:
    """Admit a device, or refuse it."""
    parameters = event.get("parameters")
    serial_number = parameters.get("SerialNumber", "") if isinstance(parameters, dict) else ""
    try:
        item = admit(serial_number, event)
    except RefusedError as refused:
        client = _shown(event.get("clientId"))
        logger.warning("Refused", serial_number=_shown(serial_number), reason=_shown(refused), client=client)
        _count("RefusedRegistrations")
        return {"allowProvisioning": False}
    logger.info("Admitted", serial_number=serial_number, certificate=event["certificateId"])
    return {
        "allowProvisioning": True,
        "parameterOverrides": {
            "SerialNumber": serial_number,
            "Context": item["context"],
            "Kind": item.get("kind", "device"),
            "Group": environment.groups[item["context"]],
        },
    }


def admit(serial_number: str, event: dict[str, Any]) -> dict[str, Any]:
    """Record the certificate for the device, retire those of earlier claims, and return the device's item.

    Raises:
        RefusedError: for a device that gets no certificate.
    """
    # DynamoDB refuses empty and longer keys, and AWS IoT longer names of things.
    if (
        not isinstance(serial_number, str)
        or not 0 < len(serial_number) <= LONGEST_NAME
        or not serial_number.isprintable()
    ):
        raise RefusedError("its serial number is no name of a thing")
    item, now = allow_list.get(serial_number), datetime.now(UTC)
    reason = refusal(
        serial_number, item, event, contexts=environment.groups, claim_window=environment.claim_window, now=now
    )
    claims_again = status_of(item) == "pending" and event.get("clientId") == f"claim-{serial_number}"
    if reason is not None:
        if claims_again:
            _count_again(serial_number, event)
        raise RefusedError(reason)
    allow_list.record(item, event["certificateId"], now=now)
    if status_of(item) != "active" and item.get("certificates"):
        if claims_again and earlier_claims().active(item["certificates"]):
            _count_again(serial_number, event)
        earlier_claims().retire(serial_number, item["certificates"])
    return item


def _shown(value: object) -> str:
    """Return what a device sent as the log can have it: half a surrogate pair is no text."""
    return str(value).encode(errors="backslashreplace").decode()


def _count_again(serial_number: str, event: dict[str, Any]) -> None:
    logger.warning("Claimed again", serial_number=serial_number, claim_certificate=event.get("claimCertificateId"))
    _count("RepeatedClaims")


def _count(name: str) -> None:
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
