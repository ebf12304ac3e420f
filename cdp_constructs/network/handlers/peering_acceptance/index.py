"""Accepts a peering of Transit Gateways in the other Region: the custom resource of ``RegionMesh``.

CloudFormation asks for a peering and accepts none. The answer waits until the peering is available, since routes to it
are refused before; its id is the resource's, so that whatever names it comes after the acceptance.
"""

import json
import re
import time
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

# CloudFormation takes 4 KB of answer, and waits for another one.
LONGEST_REASON = 500
# A minute less than the function may take, for the answer.
LONGEST_SECONDS = 780
PAUSE_SECONDS = 5
# Until the other Region knows of it, it is not found there.
NOT_YET = frozenset({"missing", "initiating", "initiatingRequest", "pending", "modifying"})
logger = Logger()


class PeeringError(Exception):
    """The peering does not become available."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Carry out a request of CloudFormation, and send the result to where it waits for it."""
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer["PhysicalResourceId"] = event.get("PhysicalResourceId", event["LogicalResourceId"])
    try:
        if event["RequestType"] != "Delete":  # a peering ends with its attachment
            wanted = event["ResourceProperties"]
            accept(wanted["Region"], wanted["AttachmentId"], time.monotonic() + LONGEST_SECONDS)
            answer["PhysicalResourceId"] = wanted["AttachmentId"]
        answer["Status"] = "SUCCESS"
    except Exception as error:  # whatever it is, CloudFormation must get an answer or it waits until its timeout
        logger.exception("The peering could not be accepted")
        answer |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:LONGEST_REASON]}
    urllib3.PoolManager().request(
        "PUT",
        event["ResponseURL"],
        body=json.dumps(answer).encode(),
        headers={"Content-Type": ""},
        timeout=10,
        retries=3,
    )


def accept(region: str, attachment_id: str, deadline: float) -> None:
    """Accept a peering once it waits for that, and return when it is available.

    Raises:
        PeeringError: these are no Region and no id, the peering failed, was refused or deleted, or the time is up.
    """
    # What else comes could neither be answered nor logged as it is.
    for name, value, form in (
        ("Region", region, r"[a-z0-9-]{1,40}"),
        ("AttachmentId", attachment_id, r"tgw-attach-[0-9a-z]{1,64}"),
    ):
        if not re.fullmatch(form, value):
            raise PeeringError(f"{name} is {ascii(value)[:100]}; it must match {form}")
    ec2 = boto3.client("ec2", region_name=region)
    while (state := state_of(ec2, attachment_id)) != "available":
        if state == "pendingAcceptance":
            ec2.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=attachment_id)
            logger.info("accepted", attachment=attachment_id, region=region)
            continue  # it is another state now
        if state not in NOT_YET:
            raise PeeringError(f"{attachment_id} is {state} in {region}")
        if time.monotonic() > deadline:
            raise PeeringError(f"{attachment_id} is still {state} in {region}")
        time.sleep(PAUSE_SECONDS)


def state_of(ec2: Any, attachment_id: str) -> str:
    """Return the state of an attachment, ``missing`` where its Region does not know it."""
    # By a filter: what is asked for by its id and is not there is an error.
    wanted = {"Name": "transit-gateway-attachment-id", "Values": [attachment_id]}
    found = ec2.describe_transit_gateway_peering_attachments(Filters=[wanted])["TransitGatewayPeeringAttachments"]
    return str(found[0]["State"]) if found else "missing"
