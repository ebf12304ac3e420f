"""EC2: a peering of Transit Gateways waits in the Region that was asked until it is accepted there."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from tests.local.conftest import Stacks

OTHER = "eu-west-1"
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Gateway": {"Type": "AWS::EC2::TransitGateway"},
        "Peering": {
            "Type": "AWS::EC2::TransitGatewayPeeringAttachment",
            "Properties": {
                "TransitGatewayId": {"Ref": "Gateway"},
                "PeerTransitGatewayId": "tgw-other",
                "PeerRegion": OTHER,
                "PeerAccountId": {"Ref": "AWS::AccountId"},
            },
        },
    },
    "Outputs": {"Peering": {"Value": {"Ref": "Peering"}}, "Gateway": {"Value": {"Ref": "Gateway"}}},
}


def test_a_peering_is_accepted_in_the_region_that_was_asked_and_once(cloud: LocalCloud, stacks: Stacks) -> None:
    outputs = stacks.deploy(TEMPLATE, name="peering")
    attachment = outputs["Peering"]
    here, there, elsewhere = (cloud.client("ec2", region) for region in ("us-east-1", OTHER, "sa-east-1"))
    for client in (here, there):
        found = client.describe_transit_gateway_peering_attachments(TransitGatewayAttachmentIds=[attachment])
        (peering,) = found["TransitGatewayPeeringAttachments"]
        assert peering["State"] == "pendingAcceptance"
        assert peering["RequesterTgwInfo"]["TransitGatewayId"] == outputs["Gateway"]
        assert peering["AccepterTgwInfo"]["Region"] == OTHER
    assert elsewhere.describe_transit_gateway_peering_attachments()["TransitGatewayPeeringAttachments"] == []
    with pytest.raises(ClientError, match=r"InvalidTransitGatewayAttachmentID\.NotFound"):
        elsewhere.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=attachment)
    with pytest.raises(ClientError, match="IncorrectState"):
        here.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=attachment)
    there.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=attachment)
    filters = [{"Name": "transit-gateway-attachment-id", "Values": [attachment]}]
    (peering,) = here.describe_transit_gateway_peering_attachments(Filters=filters)["TransitGatewayPeeringAttachments"]
    assert peering["State"] == "available"
    with pytest.raises(ClientError, match="IncorrectState"):
        there.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=attachment)
    stacks.delete("peering")
    with pytest.raises(ClientError, match=r"InvalidTransitGatewayAttachmentID\.NotFound"):
        here.describe_transit_gateway_peering_attachments(TransitGatewayAttachmentIds=[attachment])
