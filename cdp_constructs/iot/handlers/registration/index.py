"""Decides who gets a certificate: the pre-provisioning hook of a fleet, which AWS IoT asks before it makes a thing.

The allow-list has an item per device, ``serial_number`` with ``context`` (its site or group), ``kind`` and ``status``:

    allowed     may claim an identity
    pending     has claimed one and not used it yet; may claim again, for instance after a power cut
    active      uses ``certificate_id``; only the holder of that certificate gets the next one (rotation)
    blocked     gets none

So the claim certificate, which is the same in many devices, is worth nothing for a serial number that is in use.
``certificates`` are all that were issued and not retired; ``next_certificate_id`` is the newest.
"""

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

logger = Logger()
tracer = Tracer()
database = boto3.resource("dynamodb")

CLAIM_CLIENT = "claim-"


class RefusedError(Exception):
    """The device gets no certificate; the message says why, for the log."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer AWS IoT: ``{"allowProvisioning": …, "parameterOverrides": {…}}``."""
    del context
    serial_number = event["parameters"].get("SerialNumber", "")
    try:
        item = admit(serial_number, event)
    except RefusedError as refusal:
        logger.warning("Refused", serial_number=serial_number, reason=str(refusal), client=event.get("clientId"))
        with single_metric(
            name="RefusedRegistrations", unit=MetricUnit.Count, value=1, namespace="CdpConstructs"
        ) as metric:
            metric.add_dimension("function_name", os.environ["AWS_LAMBDA_FUNCTION_NAME"])
        return {"allowProvisioning": False}
    logger.info("Admitted", serial_number=serial_number, certificate=event["certificateId"])
    groups = json.loads(os.environ["GROUPS"])
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
        RefusedError: for a device that is not on the list, is blocked, or is in use by another certificate.
    """
    table = database.Table(os.environ["ALLOW_LIST"])
    item: dict[str, Any] = table.get_item(Key={"serial_number": serial_number or "?"}, ConsistentRead=True).get(
        "Item", {}
    )
    status = item.get("status", "allowed")
    if not item:
        raise RefusedError("not on the allow-list")
    if item.get("context") not in json.loads(os.environ["GROUPS"]):
        raise RefusedError(f"its context {item.get('context')!r} is none of the fleet's")
    if status not in {"allowed", "pending", "active"}:
        raise RefusedError(f"its status is {status!r}")
    if status == "active":
        # A device connects as itself with its certificate, so it can only ask for itself.
        renewing = event.get("clientId") == serial_number and event.get("claimCertificateId") == item["certificate_id"]
        if not renewing:
            raise RefusedError("its identity is in use, and this is not its certificate")
    elif event.get("clientId") != f"{CLAIM_CLIENT}{serial_number}":
        raise RefusedError(f"a claim connects as {CLAIM_CLIENT}<serial number>")
    certificate = event["certificateId"]
    try:
        table.update_item(
            Key={"serial_number": serial_number},
            UpdateExpression=(
                "SET #status = :status, next_certificate_id = :certificate, changed_at = :now "
                "ADD certificates :certificates"
            ),
            ConditionExpression=Attr("status").eq(item["status"]) if "status" in item else Attr("status").not_exists(),
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":status": "active" if status == "active" else "pending",
                ":certificate": certificate,
                ":certificates": {certificate},
                ":now": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise RefusedError("its status changed meanwhile") from error
    return item
