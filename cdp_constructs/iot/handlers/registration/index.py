"""Decides which devices get a certificate: the pre-provisioning hook of a fleet.

AWS IoT calls it before it creates a thing.

The allow-list has an item per device, ``serial_number`` with ``context`` (its site or group), ``kind`` and ``status``:

    allowed     may claim an identity
    pending     has claimed one and not used it yet; may claim again, for instance after a power cut
    active      uses ``certificate_id``; only the holder of that certificate gets the next one (renewal)
    blocked     gets none

So the claim certificate, which is the same in many devices, does not help with a serial number that is in use.
``certificates`` are all that were issued and not retired; ``next_certificate_id`` is the newest.
"""

import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError
from pydantic_core import from_json

logger = Logger()
tracer = Tracer()
metrics = Metrics()
metrics.set_default_dimensions(function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
table = boto3.resource("dynamodb").Table(os.environ["ALLOW_LIST"])
groups: dict[str, str] = from_json(os.environ["GROUPS"])

CLAIM_CLIENT = "claim-"


class RefusedError(Exception):
    """The device gets no certificate; the message is the reason, for the log."""


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer AWS IoT: ``{"allowProvisioning": …, "parameterOverrides": {…}}``."""
    del context
    serial_number = event["parameters"].get("SerialNumber", "")
    try:
        item = admit(serial_number, event)
    except RefusedError as refusal:
        logger.warning("Refused", serial_number=serial_number, reason=str(refusal), client=event.get("clientId"))
        metrics.add_metric(name="RefusedRegistrations", unit=MetricUnit.Count, value=1)
        return {"allowProvisioning": False}
    logger.info("Admitted", serial_number=serial_number, certificate=event["certificateId"])
    return {
        "allowProvisioning": True,
        "parameterOverrides": {
            "SerialNumber": serial_number,
            "Context": item["context"],
            "Kind": item.get("kind", "device"),
            "Group": groups[item["context"]],
        },
    }


def admit(serial_number: str, event: dict[str, Any]) -> dict[str, Any]:
    """Record the certificate for the device and return its item.

    Raises:
        RefusedError: for a device that gets no certificate.
    """
    # A key cannot be empty, and no serial number is a question mark.
    answer = table.get_item(Key={"serial_number": serial_number or "?"}, ConsistentRead=True)
    item: dict[str, Any] = dict(answer.get("Item", {}))
    reason = refusal(serial_number, item, event)
    if reason is not None:
        raise RefusedError(reason)
    record(item, serial_number, event["certificateId"])
    return item


def refusal(serial_number: str, item: dict[str, Any], event: dict[str, Any]) -> str | None:
    """Return why a device gets no certificate, None when it gets one."""
    if not item:
        return "not on the allow-list"
    if item.get("context") not in groups:
        return f"its context {item.get('context')!r} is not one of the fleet's"
    status, client = item.get("status", "allowed"), event.get("clientId")
    if status not in {"allowed", "pending", "active"}:
        return f"its status is {status!r}"
    if status != "active":
        claims = client == f"{CLAIM_CLIENT}{serial_number}"
        return None if claims else f"a claim connects as {CLAIM_CLIENT}<serial number>"
    # A device connects as itself with its certificate, so it can only ask for itself.
    certificate = event.get("claimCertificateId")
    renews = client == serial_number and certificate is not None and certificate == item.get("certificate_id")
    return None if renews else "its identity is in use, and this is not its certificate"


def record(item: dict[str, Any], serial_number: str, certificate_id: str) -> None:
    """Record the certificate that is issued, unless the item changed since it was read.

    Raises:
        RefusedError: for the second of two claims at once.
    """
    unchanged = Attr("status").eq(item["status"]) if "status" in item else Attr("status").not_exists()
    try:
        table.update_item(
            Key={"serial_number": serial_number},
            UpdateExpression=(
                "SET #status = :status, next_certificate_id = :certificate, changed_at = :now "
                "ADD certificates :certificates"
            ),
            ConditionExpression=unchanged,
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":status": "active" if item.get("status") == "active" else "pending",
                ":certificate": certificate_id,
                ":certificates": {certificate_id},
                ":now": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise RefusedError("its status changed meanwhile") from error
