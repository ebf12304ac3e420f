"""A bucket for uploads, with notifications to an encrypted queue and an encrypted topic."""

import json
from typing import Any

from cdp_constructs.local import LocalCloud

REGION = "ap-northeast-1"
ORIGIN = "https://chat.example.com"


def allow_service(service: str, actions: list[str], resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": actions, "Resource": resource}


def deny_plain_http(action: str, *resources: Any) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


ROOT = {
    "Effect": "Allow",
    "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
    "Action": "kms:*",
    "Resource": "*",
}
QUEUE_ARN = {"Fn::GetAtt": ["Queue", "Arn"]}
TEMPLATE = {
    "Resources": {
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {
                "KeyPolicy": policy(
                    ROOT,
                    allow_service("s3.amazonaws.com", ["kms:GenerateDataKey*", "kms:Decrypt"], "*"),
                    allow_service("sns.amazonaws.com", ["kms:GenerateDataKey*", "kms:Decrypt"], "*"),
                )
            },
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": policy(
                    allow_service("s3.amazonaws.com", ["sqs:SendMessage"], QUEUE_ARN),
                    allow_service("sns.amazonaws.com", ["sqs:SendMessage"], QUEUE_ARN),
                    deny_plain_http("sqs:*", QUEUE_ARN),
                ),
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": policy(allow_service("s3.amazonaws.com", ["sns:Publish"], {"Ref": "Topic"})),
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": QUEUE_ARN,
                "RawMessageDelivery": True,
            },
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "DependsOn": ["QueuePolicy", "TopicPolicy"],
            "Properties": {
                "VersioningConfiguration": {"Status": "Enabled"},
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
                    ]
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "incomplete",
                            "Status": "Enabled",
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                        },
                        {"Id": "unconfirmed", "Status": "Enabled", "Prefix": "incoming/", "ExpirationInDays": 1},
                    ]
                },
                "CorsConfiguration": {
                    "CorsRules": [
                        {
                            "AllowedMethods": ["POST", "GET"],
                            "AllowedOrigins": [ORIGIN],
                            "AllowedHeaders": ["*"],
                            "ExposedHeaders": ["ETag"],
                            "MaxAge": 300,
                        }
                    ]
                },
                "NotificationConfiguration": {
                    "QueueConfigurations": [
                        {
                            "Event": "s3:ObjectCreated:*",
                            "Queue": QUEUE_ARN,
                            "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "incoming/"}]}},
                        }
                    ],
                    "TopicConfigurations": [{"Event": "s3:ObjectRemoved:*", "Topic": {"Ref": "Topic"}}],
                },
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": policy(
                    deny_plain_http("s3:*", {"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"})
                ),
            },
        },
        "Uploader": {
            "Type": "AWS::IAM::User",
            "Properties": {
                "Policies": [
                    {
                        "PolicyName": "upload",
                        "PolicyDocument": policy(
                            {
                                "Effect": "Allow",
                                "Action": "s3:PutObject",
                                "Resource": {"Fn::Sub": "${Bucket.Arn}/incoming/*"},
                            }
                        ),
                    }
                ]
            },
        },
    },
    "Outputs": {
        "Bucket": {"Value": {"Ref": "Bucket"}},
        "Queue": {"Value": {"Ref": "Queue"}},
        "Uploader": {"Value": {"Ref": "Uploader"}},
    },
}


class Uploads:
    """The deployed bucket, and a user who may upload into one prefix."""

    def __init__(self, cloud: LocalCloud, outputs: dict[str, str], credentials: dict[str, str]) -> None:
        self.bucket, self.queue = outputs["Bucket"], outputs["Queue"]
        self.root = cloud.client("s3", region=REGION)
        self.user = cloud.client("s3", region=REGION, credentials=credentials)
        self.sqs = cloud.client("sqs", region=REGION)

    def form(self, key: str = "incoming/ann/${filename}", expires: int = 60) -> dict[str, Any]:
        """Return a form as the upload pattern issues it: 1 byte to 1 kB, an image, below a prefix."""
        conditions = [
            ["content-length-range", 1, 1024],
            ["starts-with", "$Content-Type", "image/"],
            {"x-amz-meta-room": "lobby"},
        ]
        form: dict[str, Any] = self.user.generate_presigned_post(
            self.bucket, key, Fields={"x-amz-meta-room": "lobby"}, Conditions=conditions, ExpiresIn=expires
        )
        return form

    def events(self) -> list[dict[str, Any]]:
        """Take what the queue has and return the records of S3 in it."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        records = []
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            records += json.loads(message["Body"]).get("Records", [])
        return records
