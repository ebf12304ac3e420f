"""Policies that demand TLS."""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local import LocalCloud
from tests.assembly.assemblies import AssemblyWriter, template


def test_tls_only_policies_hold_on_the_loopback_address(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack = name("tls")

    def tls_only(action: str, resource: Any) -> dict[str, Any]:
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": action,
            "Resource": resource,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return {"Version": "2012-10-17", "Statement": [statement]}

    queue_policy = {
        "Queues": [{"Ref": "Queue"}],
        "PolicyDocument": tls_only("sqs:*", {"Fn::GetAtt": ["Queue", "Arn"]}),
    }
    bucket_policy = {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": tls_only("s3:*", {"Fn::Sub": "${Bucket.Arn}/*"})}
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": queue_policy},
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "BucketPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": bucket_policy},
    }
    writer.stack(stack, template(resources))
    deployed = cloud.deploy(writer.folder).resources[stack]
    cloud.client("sqs").send_message(QueueUrl=deployed["Queue"], MessageBody="hello")
    cloud.client("s3").put_object(Bucket=deployed["Bucket"], Key="a", Body=b"b")
