"""An application with each custom resource of the CDK that the embedded cloud handles natively."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sqs as sqs
from aws_cdk import custom_resources as cr
from aws_cdk import triggers
from constructs import Construct

ACCOUNT, TOKYO, OREGON = "000000000000", "ap-northeast-1", "us-west-2"
PROVIDED = """
def handler(event, context):
    kind = event["RequestType"]
    return {"PhysicalResourceId": "provided", "Data": {"Answer": event["ResourceProperties"]["Word"] + " " + kind}}
"""
TRIGGERED = """
import boto3, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody="triggered")
"""


def function(scope: Construct, name: str, code: str, **options: Any) -> lambda_.Function:
    return lambda_.Function(
        scope,
        name,
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline(code),
        **options,
    )


class Exporter(cdk.Stack):
    """What the stack of the other Region refers to."""

    def __init__(self, scope: Construct, **options: Any) -> None:
        super().__init__(scope, "Exporter", cross_region_references=True, **options)
        self.queue = sqs.Queue(self, "Queue")


class Everything(cdk.Stack):
    """One of each custom resource."""

    def __init__(self, scope: Construct, site: Path, exporter: Exporter, **options: Any) -> None:
        super().__init__(scope, "Everything", cross_region_references=True, **options)
        cdk.CfnOutput(self, "Imported", value=exporter.queue.queue_arn)
        self._buckets(site)
        self._calls()
        ec2.Vpc(self, "Vpc", max_azs=1, nat_gateways=0, restrict_default_security_group=True)

    def _buckets(self, site: Path) -> None:
        bucket = s3.Bucket(
            self, "Bucket", removal_policy=cdk.RemovalPolicy.DESTROY, auto_delete_objects=True, versioned=True
        )
        distribution = cloudfront.Distribution(
            self,
            "Site",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(bucket)
            ),
        )
        queue = sqs.Queue(self, "Uploads")
        bucket.add_event_notification(s3.EventType.OBJECT_CREATED, notifications.SqsDestination(queue))
        deployment.BucketDeployment(
            self,
            "Deployment",
            destination_bucket=bucket,
            destination_key_prefix="site",
            sources=[
                deployment.Source.asset(str(site)),
                deployment.Source.json_data("config.json", {"queue": queue.queue_url}),
            ],
            exclude=["*.map"],
            cache_control=[deployment.CacheControl.max_age(cdk.Duration.minutes(5))],
            distribution=distribution,
        )
        cdk.CfnOutput(self, "BucketName", value=bucket.bucket_name)
        cdk.CfnOutput(self, "QueueUrl", value=queue.queue_url)

    def _calls(self) -> None:
        table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        seed = cr.AwsCustomResource(
            self,
            "Seed",
            on_create=cr.AwsSdkCall(
                service="DynamoDB",
                action="putItem",
                parameters={"TableName": table.table_name, "Item": {"id": {"S": "seed"}, "n": {"N": "1"}}},
                physical_resource_id=cr.PhysicalResourceId.of("seed"),
            ),
            policy=cr.AwsCustomResourcePolicy.from_statements(
                [
                    iam.PolicyStatement(actions=["dynamodb:PutItem"], resources=[table.table_arn]),
                    iam.PolicyStatement(actions=["logs:DescribeLogGroups"], resources=["*"]),
                ]
            ),
        )
        function_with_logs = function(self, "Logged", TRIGGERED, log_retention=logs.RetentionDays.ONE_WEEK)
        read = cr.AwsCustomResource(
            self,
            "Read",
            resource_type="Custom::ReadTable",
            on_update=cr.AwsSdkCall(
                service="@aws-sdk/client-dynamodb",
                action="DescribeTableCommand",
                parameters={"TableName": table.table_name},
                physical_resource_id=cr.PhysicalResourceId.from_response("Table.TableId"),
                output_paths=["Table.KeySchema.0.AttributeName"],
            ),
            policy=cr.AwsCustomResourcePolicy.from_sdk_calls(resources=[table.table_arn]),
        )
        read.node.add_dependency(seed)
        provider = cr.Provider(self, "Provider", on_event_handler=function(self, "OnEvent", PROVIDED))
        provided = cdk.CustomResource(
            self, "Provided", service_token=provider.service_token, properties={"Word": "hello"}
        )
        queue = sqs.Queue(self, "Triggered")
        triggered = triggers.TriggerFunction(
            self,
            "Trigger",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(TRIGGERED),
            environment={"QUEUE": queue.queue_url},
        )
        queue.grant_send_messages(triggered)
        cdk.CfnOutput(self, "TableName", value=table.table_name)
        cdk.CfnOutput(self, "KeyName", value=read.get_response_field("Table.KeySchema.0.AttributeName"))
        cdk.CfnOutput(self, "Answer", value=provided.get_att_string("Answer"))
        cdk.CfnOutput(self, "FunctionName", value=function_with_logs.function_name)
        cdk.CfnOutput(self, "TriggeredUrl", value=queue.queue_url)


def write_site(folder: Path, page: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(page)
    (folder / "index.js.map").write_text("{}")
    return folder


def synthesise(folder: Path, site: Path) -> str:
    app = cdk.App(
        outdir=str(folder), context={"availability-zones:account=000000000000:region=us-west-2": ["us-west-2a"]}
    )
    exporter = Exporter(app, env=cdk.Environment(account=ACCOUNT, region=TOKYO))
    Everything(app, site, exporter, env=cdk.Environment(account=ACCOUNT, region=OREGON))
    return str(app.synth().directory)
