"""Route 53: health checks, and records that keep what they were written with."""

import copy
from typing import Any

from cdp_constructs.local import LocalCloud


def _latency_record(region: str, *, checked: bool) -> dict[str, Any]:
    return {
        "Type": "AWS::Route53::RecordSet",
        "Properties": {
            "HostedZoneId": {"Ref": "Zone"},
            "Name": "api.example.test.",
            "Type": "A",
            "SetIdentifier": region,
            "Region": region,
            "AliasTarget": {
                "DNSName": f"d-1.execute-api.{region}.amazonaws.com",
                "HostedZoneId": "Z2OJLYMUO9EFXC",
                "EvaluateTargetHealth": True,
            },
            **({"HealthCheckId": {"Ref": "Check"}} if checked else {}),
        },
    }


TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Zone": {"Type": "AWS::Route53::HostedZone", "Properties": {"Name": "example.test"}},
        "Check": {
            "Type": "AWS::Route53::HealthCheck",
            "Properties": {
                "HealthCheckConfig": {
                    "Type": "HTTPS",
                    "FullyQualifiedDomainName": "api.example.test",
                    "Port": 443,
                    "ResourcePath": "/health/deep",
                    "RequestInterval": 10,
                    "FailureThreshold": 3,
                    "EnableSNI": True,
                },
                "HealthCheckTags": [{"Key": "Name", "Value": "api"}],
            },
        },
        "East": _latency_record("us-east-1", checked=True),
        "West": _latency_record("us-west-2", checked=False),
        "Texts": {
            "Type": "AWS::Route53::RecordSetGroup",
            "Properties": {
                "HostedZoneId": {"Ref": "Zone"},
                "RecordSets": [
                    {"Name": "text.example.test", "Type": "TXT", "TTL": "60", "ResourceRecords": ['"one"']},
                    {"Name": "kept.example.test", "Type": "TXT", "TTL": "60", "ResourceRecords": ['"kept"']},
                ],
            },
        },
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Zone", "Check", "East")},
}


def test_latency_records_and_health_checks_are_given_back(cloud: LocalCloud, stacks: Any) -> None:
    route53 = cloud.client("route53")
    outputs = stacks.deploy(TEMPLATE, name="routing")

    listed = route53.list_resource_record_sets(HostedZoneId=outputs["Zone"])["ResourceRecordSets"]
    records = {record["SetIdentifier"]: record for record in listed if record["Name"] == "api.example.test."}
    assert outputs["East"].rstrip(".") == "api.example.test"
    assert {name: record["Region"] for name, record in records.items()} == {
        "us-east-1": "us-east-1",
        "us-west-2": "us-west-2",
    }
    assert records["us-east-1"]["HealthCheckId"] == outputs["Check"]
    assert "HealthCheckId" not in records["us-west-2"]
    assert records["us-east-1"]["AliasTarget"]["EvaluateTargetHealth"] is True
    tags = route53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=outputs["Check"])
    assert tags["ResourceTagSet"]["Tags"] == [{"Key": "Name", "Value": "api"}]

    changed = copy.deepcopy(TEMPLATE)
    changed["Resources"]["Check"]["Properties"]["HealthCheckConfig"]["Port"] = 8443
    changed["Resources"]["Texts"]["Properties"]["RecordSets"][0]["TTL"] = "90"
    assert stacks.deploy(changed, name="routing")["Check"] == outputs["Check"]
    check = route53.get_health_check(HealthCheckId=outputs["Check"])["HealthCheck"]["HealthCheckConfig"]
    assert (check["Port"], check["ResourcePath"]) == (8443, "/health/deep")
    listed = route53.list_resource_record_sets(HostedZoneId=outputs["Zone"])["ResourceRecordSets"]
    assert {record["Name"]: record["TTL"] for record in listed if record["Type"] == "TXT"} == {
        "text.example.test.": 90,
        "kept.example.test.": 60,
    }

    changed["Resources"]["Check"]["Properties"]["HealthCheckConfig"]["RequestInterval"] = 30
    assert stacks.deploy(changed, name="routing")["Check"] != outputs["Check"]

    stacks.delete("routing")
    assert outputs["Check"] not in {check["Id"] for check in route53.list_health_checks()["HealthChecks"]}
    assert not [zone for zone in route53.list_hosted_zones()["HostedZones"] if zone["Name"] == "example.test."]


def test_a_zone_with_networks_is_private(cloud: LocalCloud, stacks: Any) -> None:
    zone = {
        "Name": "internal.test",
        "VPCs": [{"VPCId": {"Ref": "Vpc"}, "VPCRegion": {"Ref": "AWS::Region"}}],
    }
    outputs = stacks.deploy(
        {
            "Resources": {
                "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
                "Zone": {"Type": "AWS::Route53::HostedZone", "Properties": zone},
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Vpc", "Zone")},
        }
    )

    found = cloud.client("route53").get_hosted_zone(Id=outputs["Zone"])
    assert found["HostedZone"]["Config"]["PrivateZone"] is True
    assert found["VPCs"] == [{"VPCRegion": "us-east-1", "VPCId": outputs["Vpc"]}]
