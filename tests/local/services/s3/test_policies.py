"""S3: bucket policies may ask how the body of an upload is signed."""

import json
from typing import Any

import httpx

from cdp_constructs.local import LocalCloud
from tests.local.resources import allow, function, role

CODE = """
import boto3
def handler(event, context):
    s3 = boto3.client("s3")
    s3.put_object(Bucket=event["bucket"], Key="key", Body=b"body")
    return s3.generate_presigned_url("put_object", Params={"Bucket": event["bucket"], "Key": "other"})
"""


def test_the_hash_of_the_content_is_a_condition_key(cloud: LocalCloud, stacks: Any) -> None:
    everything = {"Fn::Sub": "${Bucket.Arn}/*"}
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": everything,
        "Condition": {"StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}},
    }
    require = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": everything,
        "Condition": {"StringNotLike": {"s3:x-amz-content-sha256": ["STREAMING-*", "UNSIGNED-*", "?" * 64]}},
    }
    outputs = stacks.deploy(
        {
            "Resources": {
                "Bucket": {"Type": "AWS::S3::Bucket"},
                "Policy": {
                    "Type": "AWS::S3::BucketPolicy",
                    "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [deny, require]}},
                },
                "Role": role(allow(["s3:PutObject"], everything)),
                "Function": function(CODE, "Role"),
            },
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Bucket", "Function")},
        }
    )

    event = json.dumps({"bucket": outputs["Bucket"]})
    answer = cloud.client("lambda").invoke(FunctionName=outputs["Function"], Payload=event)
    url = json.load(answer["Payload"])
    assert isinstance(url, str), "an upload that is signed with the hash of its body"
    refused = httpx.put(url, content=b"body")
    assert refused.status_code == 403, "a presigned URL does not sign the body"
    assert "explicit deny" in refused.text
