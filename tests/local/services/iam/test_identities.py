"""IAM: members of a group have its permissions, and an access key of a template is a credential."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "User": {"Type": "AWS::IAM::User"},
        "Group": {
            "Type": "AWS::IAM::Group",
            "Properties": {
                "Policies": [
                    {
                        "PolicyName": "list",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}],
                        },
                    }
                ]
            },
        },
        "Membership": {
            "Type": "AWS::IAM::UserToGroupAddition",
            "Properties": {"GroupName": {"Ref": "Group"}, "Users": [{"Ref": "User"}]},
        },
        "Key": {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": {"Ref": "User"}}},
        "Provider": {
            "Type": "AWS::IAM::OIDCProvider",
            "Properties": {"Url": "https://id.example.test", "ClientIdList": ["client"], "ThumbprintList": ["a" * 40]},
        },
    },
    "Outputs": {
        "Key": {"Value": {"Ref": "Key"}},
        "Secret": {"Value": {"Fn::GetAtt": ["Key", "SecretAccessKey"]}},
        "Group": {"Value": {"Ref": "Group"}},
        "GroupArn": {"Value": {"Fn::GetAtt": ["Group", "Arn"]}},
        "Provider": {"Value": {"Ref": "Provider"}},
    },
}


def test_a_member_may_do_what_the_group_may(cloud: LocalCloud, stacks: Any) -> None:
    outputs = stacks.deploy(TEMPLATE, name="people")
    member = (outputs["Key"], outputs["Secret"])

    cloud.client("sqs", credentials=member).list_queues()
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("sqs", credentials=member).create_queue(QueueName="refused")
    assert outputs["GroupArn"].endswith(f":group/{outputs['Group']}")
    assert outputs["Provider"].endswith(":oidc-provider/id.example.test")

    stacks.delete("people")
    iam = cloud.client("iam")
    assert outputs["Group"] not in [group["GroupName"] for group in iam.list_groups()["Groups"]]
    assert not iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    with pytest.raises(ClientError):
        cloud.client("sqs", credentials=member).list_queues()
