"""A template with placeholder names: taken here, and refused as AWS refuses it when the parameter says so."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

ZONE, DOMAIN = "Z00000PLACEHOLDER", "shop.example.com"
# As `refuse_placeholders` writes it.
TEMPLATE: dict[str, Any] = {
    "Metadata": {
        "cdp-constructs:placeholders": {
            "shop.hosted_zone_id": ZONE,
            "shop.hosted_zone_name": DOMAIN,
            "shop.notices.identity": DOMAIN,
        }
    },
    "Parameters": {
        "PlaceholderNames": {"Type": "String", "Default": "refused", "AllowedValues": ["refused", "accepted"]}
    },
    "Rules": {
        "NoPlaceholderNames": {
            "Assertions": [
                {
                    "Assert": {"Fn::Equals": [{"Ref": "PlaceholderNames"}, "accepted"]},
                    "AssertDescription": "Replace shop.hosted_zone_id.",
                }
            ]
        }
    },
    "Resources": {
        "Record": {
            "Type": "AWS::Route53::RecordSet",
            "Properties": {
                "HostedZoneId": ZONE,
                "Name": f"here.{DOMAIN}.",
                "Type": "TXT",
                "TTL": "60",
                "ResourceRecords": ['"here"'],
            },
        }
    },
}


def test_here_the_names_are_accepted_and_what_they_name_exists(cloud: LocalCloud, stacks: Any) -> None:
    stacks.deploy(TEMPLATE)
    records = cloud.client("route53").list_resource_record_sets(HostedZoneId=ZONE)["ResourceRecordSets"]
    assert {one["Type"] for one in records} == {"NS", "SOA", "TXT"}
    mails = cloud.client("ses", "us-east-1")
    mails.send_email(
        Source=f"Shop <notices@{DOMAIN}>",
        Destination={"ToAddresses": ["anna@example.org"]},
        Message={"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}},
    )


def test_on_aws_a_change_set_is_refused_before_anything_is_made(cloud: LocalCloud) -> None:
    cloudformation = cloud.client("cloudformation", "us-east-1")
    given = [{"ParameterKey": "PlaceholderNames", "ParameterValue": "refused"}]
    request = {"TemplateBody": json.dumps(TEMPLATE), "Parameters": given}
    with pytest.raises(ClientError, match=r"Replace shop\.hosted_zone_id"):
        cloudformation.create_change_set(StackName="Refused", ChangeSetName="first", ChangeSetType="CREATE", **request)
    with pytest.raises(ClientError, match=r"Replace shop\.hosted_zone_id"):
        cloudformation.create_stack(StackName="Refused", **request)
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="Refused")
