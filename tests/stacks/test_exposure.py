"""Each check of ``exposure`` notices what it is for."""

from copy import deepcopy
from typing import Any

import pytest

from tests.stacks.exposure import exposed

SECURE = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": "*"} | {
    "Condition": {"Bool": {"aws:SecureTransport": "false"}}
}
PRIVATE = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}
SENDER = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"} | {
    "Resource": "arn",
    "Condition": {"ArnEquals": {"aws:SourceArn": "arn"}},
}
SOUND: dict[str, Any] = {
    "Outputs": {"SecretArn": {"Value": {"Ref": "Secret"}}},
    "Resources": {
        "Policy": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyDocument": {
                    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::a/*"}]
                }
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {"Principal": "iot.amazonaws.com", "SourceArn": "arn"},
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "PublicAccessBlockConfiguration": PRIVATE,
                "BucketEncryption": {},
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [SECURE]}},
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Statement": [SECURE, SENDER]}},
        },
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": {}}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 90}},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "LoggingConfig": {"LogGroup": {"Ref": "Logs"}},
                "Environment": {"Variables": {"TRACKER_TOKEN": {"Ref": "Secret"}}},
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::GlobalTable",
            "Properties": {
                "Replicas": [
                    {
                        "Region": "eu-west-1",
                        "DeletionProtectionEnabled": True,
                        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                    }
                ]
            },
        },
    },
}


def test_what_is_sound_is_not_named() -> None:
    assert exposed({"Stack": SOUND}) == []


STATEMENT = ("Resources", "Policy", "Properties", "PolicyDocument", "Statement", 0)
CALLER = ("Resources", "QueuePolicy", "Properties", "PolicyDocument", "Statement", 1)
REPLICA = ("Resources", "Table", "Properties", "Replicas", 0)


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        ((*STATEMENT, "Action"), ["s3:*"], "Policy: s3:*"),
        ((*STATEMENT, "Action"), "iam:PassRole", "Policy: iam:PassRole"),
        ((*STATEMENT, "Action"), "sts:AssumeRole", "Policy: sts:AssumeRole"),
        ((*STATEMENT, "Resource"), "*", "Policy: s3:GetObject on *"),
        ((*CALLER, "Condition"), {}, "QueuePolicy: ['sns.amazonaws.com'] without"),
        ((*CALLER, "Principal"), "*", 'QueuePolicy: "*"'),
        ((*CALLER, "Principal"), {"AWS": "999988887777"}, "QueuePolicy: {"),
        (("Resources", "Permission", "Properties", "SourceArn"), None, "Permission: iot.amazonaws.com without"),
        (("Resources", "Bucket", "Properties", "PublicAccessBlockConfiguration"), {}, "Bucket: could be public"),
        (("Resources", "Bucket", "Properties", "OwnershipControls"), {}, "Bucket: []"),
        (("Resources", "Bucket", "Properties", "BucketEncryption"), None, "Bucket: not encrypted"),
        (("Resources", "BucketPolicy", "Properties", "Bucket"), {"Ref": "Other"}, "Bucket: without TLS too"),
        (("Resources", "QueuePolicy", "Properties", "Queues"), [], "Queue: without TLS too"),
        (("Resources", "Secret", "Properties"), {"SecretString": "s"}, "Secret: SecretString"),
        (("Outputs", "SecretArn", "Value"), "hunter2", "Outputs.SecretArn: no ARN"),
        (("Outputs", "SecretArn", "Value"), "{{resolve:secretsmanager:arn:x}}", "Outputs.SecretArn: the value"),
        (("Resources", "Logs", "Properties", "RetentionInDays"), None, "Logs: no end"),
        (("Resources", "Function", "Properties", "LoggingConfig"), {}, "Function: a log group by default"),
        ((*REPLICA, "DeletionProtectionEnabled"), False, "Table: no deletion protection"),
        ((*REPLICA, "PointInTimeRecoverySpecification"), {}, "Table: no point-in-time recovery"),
        (("Resources", "Table", "Type"), "AWS::DynamoDB::Table", "Table: not a global table"),
    ],
)
def test_what_is_not_is(place: tuple[Any, ...], value: Any, named: str) -> None:
    template: Any = deepcopy(SOUND)
    *way, last = place
    node = template
    for step in way:
        node = node[step]
    if value is None:
        del node[last]
    else:
        node[last] = value
    assert [line for line in exposed({"Stack": template}) if line.startswith(f"Stack/{named}")]
