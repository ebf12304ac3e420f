"""Keeps certificates in order: retires those that a device no longer uses, and registers devices of an own CA.

Two kinds of messages come through the queue.

- A device says that it uses a certificate: ``{"thing", "certificate_id"}``, selected by a rule from what only that
  device can publish. If it is the newest that was issued to it, all others are retired: deactivated and detached.
  They are not deleted, because a deleted certificate of an own CA would register itself again.
- AWS IoT saw a certificate of a registered CA for the first time: ``{"certificateId", "caCertificateId", …}``
  (just-in-time registration). Its common name is the serial number. A device on the allow-list gets its thing, group
  and policies and is activated; any other certificate is deactivated, after which AWS IoT no longer reports it.

Both may arrive twice and out of order.
"""

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr, ConditionBase
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.x509.oid import NameOID

logger = Logger()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
iot = boto3.client("iot")
database = boto3.resource("dynamodb")


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch of messages; those that fail are delivered again."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)


def work(record: SQSRecord) -> None:
    """Tell the two kinds of messages apart."""
    message = json.loads(record.body)
    if "caCertificateId" in message:
        register(message["certificateId"])
    else:
        confirm(message["thing"], message["certificate_id"])


def confirm(thing: str, certificate_id: str) -> None:
    """Retire every certificate of the thing but the one that it uses, if that is the newest."""
    item = _item(thing)
    newest, current = item.get("next_certificate_id"), item.get("certificate_id")
    if certificate_id not in {newest, current}:
        logger.warning("Not the device's newest certificate", thing=thing, certificate=certificate_id)
        return
    kept = {certificate_id, newest}
    retired = set(item.get("certificates", ())) - kept
    for other in sorted(retired):
        retire(thing, other)
    if certificate_id == newest:
        _update(thing, Attr("next_certificate_id").eq(certificate_id) & Attr("status").ne("blocked"), certificate_id)
    if retired:
        database.Table(os.environ["ALLOW_LIST"]).update_item(
            Key={"serial_number": thing},
            UpdateExpression="DELETE certificates :retired",
            ExpressionAttributeValues={":retired": retired},
        )


def retire(thing: str, certificate_id: str) -> None:
    """Deactivate a certificate and detach it from its thing; what is gone already is fine."""
    logger.info("Retiring", thing=thing, certificate=certificate_id)
    try:
        iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
        iot.detach_thing_principal(thingName=thing, principal=_arn(certificate_id))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def register(certificate_id: str) -> None:
    """Make the thing of a certificate that is on the allow-list and activate it; deactivate it otherwise."""
    description = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
    names = x509.load_pem_x509_certificate(description["certificatePem"].encode()).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )
    serial_number = str(names[0].value) if len(names) == 1 else ""
    item = _item(serial_number)
    groups = json.loads(os.environ["GROUPS"])
    in_use = item.get("certificate_id", certificate_id) != certificate_id
    if item.get("context") not in groups or item.get("status") == "blocked" or in_use:
        logger.warning("Refused", serial_number=serial_number, certificate=certificate_id, in_use=in_use)
        iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
        return
    attributes = {"context": item["context"], "kind": item.get("kind", "device")}
    try:
        iot.create_thing(
            thingName=serial_number,
            thingTypeName=os.environ["THING_TYPE"],
            attributePayload={"attributes": attributes},
        )
    except ClientError as error:
        # An earlier try made it.
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise
    iot.add_thing_to_thing_group(thingGroupName=groups[item["context"]], thingName=serial_number)
    iot.attach_thing_principal(thingName=serial_number, principal=_arn(certificate_id))
    for policy in json.loads(os.environ["POLICIES"]):
        iot.attach_policy(policyName=policy, target=_arn(certificate_id))
    _update(serial_number, Attr("status").ne("blocked"), certificate_id)
    iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")


def _item(serial_number: str) -> dict[str, Any]:
    table = database.Table(os.environ["ALLOW_LIST"])
    item: dict[str, Any] = table.get_item(Key={"serial_number": serial_number or "?"}, ConsistentRead=True).get(
        "Item", {}
    )
    return item


def _update(serial_number: str, condition: ConditionBase, certificate_id: str) -> None:
    """Record which certificate the device uses.

    Raises:
        ClientError: when the condition does not hold: the message is tried again with what is true then.
    """
    database.Table(os.environ["ALLOW_LIST"]).update_item(
        Key={"serial_number": serial_number},
        UpdateExpression=(
            "SET #status = :active, certificate_id = :certificate, next_certificate_id = :certificate, "
            "changed_at = :now ADD certificates :certificates"
        ),
        ConditionExpression=condition,
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={
            ":active": "active",
            ":certificate": certificate_id,
            ":certificates": {certificate_id},
            ":now": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _arn(certificate_id: str) -> str:
    return f"{os.environ['CERTIFICATES']}/{certificate_id}"
