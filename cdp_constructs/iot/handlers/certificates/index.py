"""Retires certificates that devices no longer use, and registers devices that come with certificates of an own CA.

The queue has two kinds of messages, which may arrive twice and in any order:

- A device uses a certificate: ``{"thing", "certificate_id"}``, selected by a rule from a topic that only that device
  can publish to. If it is the newest that was issued to the device, all others are retired.
- AWS IoT saw a certificate of a registered CA for the first time: ``{"certificateId", "caCertificateId", …}``
  (just-in-time registration). Its common name is the serial number. A device on the allow-list gets its thing, group
  and policies and is activated; any other certificate is deactivated.

The log lines of both have the id of the claim: the first half of the certificate's.
"""

from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from cryptography import x509
from cryptography.x509.oid import NameOID
from pydantic_core import from_json

from correlation import about, correlated

from .allow_list import AllowList
from .claims import claim_of
from .environment import Environment
from .registry import Registry

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
environment = Environment.read()
allow_list = AllowList(boto3.resource("dynamodb").Table(environment.allow_list))
registry = Registry(boto3.client("iot"), environment)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Work on a batch of messages; those that fail are delivered again."""
    return process_partial_response(event=event, record_handler=work, processor=processor, context=context)


@correlated(logger)
def work(record: SQSRecord) -> None:
    """Work on one message, as its kind says."""
    message = from_json(record.body, allow_inf_nan=False)
    if "caCertificateId" in message:
        with about(logger, claim_of(message["certificateId"])):
            register(message["certificateId"])
    else:
        with about(logger, claim_of(message["certificate_id"])):
            confirm(message["thing"], message["certificate_id"])


def confirm(thing: str, certificate_id: str) -> None:
    """Retire every certificate of a thing but the one that it uses, if that is the newest; else retire that one."""
    item = allow_list.get(thing)
    newest, current = item.get("next_certificate_id"), item.get("certificate_id")
    if certificate_id not in {newest, current}:
        logger.warning("Not the device's newest certificate", thing=thing, certificate=certificate_id)
        if item:
            # Usually it is retired already; two claims within a second may have activated it after that.
            registry.retire(thing, certificate_id)
        return
    retired = set(item.get("certificates", ())) - {certificate_id, newest}
    for other in sorted(retired):
        logger.info("Retiring", thing=thing, certificate=other)
        registry.retire(thing, other)
    if certificate_id == newest:
        allow_list.activate(thing, certificate_id, only_if_newest=True)
    if retired:
        allow_list.forget(thing, retired)
    logger.info("Certificate in use", thing=thing, certificate=certificate_id, retired=len(retired))


def register(certificate_id: str) -> None:
    """Create the thing of a certificate whose device is on the allow-list and activate it; deactivate any other."""
    serial_number = common_name(registry.pem(certificate_id))
    item = allow_list.get(serial_number)
    in_use = item.get("certificate_id", certificate_id) != certificate_id
    if item.get("context") not in environment.groups or item.get("status") == "blocked" or in_use:
        logger.warning("Refused", serial_number=serial_number, certificate=certificate_id, in_use=in_use)
        registry.deactivate(certificate_id)
        return
    registry.create_thing(
        serial_number, context=item["context"], kind=item.get("kind", "device"), certificate_id=certificate_id
    )
    allow_list.activate(serial_number, certificate_id, only_if_newest=False)
    registry.activate(certificate_id)
    logger.info("Registered", serial_number=serial_number, certificate=certificate_id)


def common_name(pem: str) -> str:
    """Return the common name of a certificate, empty unless it has exactly one."""
    subject = x509.load_pem_x509_certificate(pem.encode()).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""
