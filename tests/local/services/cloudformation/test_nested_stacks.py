"""Nested stacks: a resource that an update replaces is deleted, in a nested stack too."""

import json
from typing import Any

from cdp_constructs.local import LocalCloud


def _child(port: int) -> str:
    group = {"Fn::GetAtt": ["Group", "GroupId"]}
    rule = {"GroupId": group, "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "192.0.2.0/24"}
    return json.dumps(
        {
            "Resources": {
                "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "nested"}},
                "Rule": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule},
            },
            "Outputs": {"Group": {"Value": group}},
        }
    )


def test_what_an_update_replaces_is_deleted(cloud: LocalCloud, stacks: Any) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="templates-of-nested-stacks")

    def deploy(port: int) -> list[int]:
        key = f"{port}.json"
        s3.put_object(Bucket="templates-of-nested-stacks", Key=key, Body=_child(port))
        url = f"https://s3.us-east-1.amazonaws.com/templates-of-nested-stacks/{key}"
        parent = {
            "Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}},
            "Outputs": {"Group": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Group"]}}},
        }
        outputs = stacks.deploy(parent, name="nesting")
        [group] = cloud.client("ec2").describe_security_groups(GroupIds=[outputs["Group"]])["SecurityGroups"]
        return [rule["FromPort"] for rule in group["IpPermissions"]]

    assert deploy(443) == [443]
    assert deploy(8443) == [8443]
