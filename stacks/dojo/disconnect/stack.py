"""Board D3, Disconnect: several servers, a database with a standby, files straight to S3, push by SNS."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs import (
    DirectObjectUpload,
    ReplicatedDatabase,
    ScaleOutService,
    ServiceNetwork,
    ServiceScaling,
    SnsSqsFanout,
)
from cdp_constructs.core.acknowledgments import acknowledge_resources
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import ROUTE, add_alarm_topic, add_front, add_outputs, add_session_key, chat_container

__all__ = ["DisconnectStack"]


class DisconnectStack(Stack):
    """Over the internet, without VPN and CDN: whatever is large or slow does not pass through the servers.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        configuration: What the operator decides.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Disconnect: a chat over the internet")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("disconnect")
        endpoint = ec2.InterfaceVpcEndpointAwsService
        # What tasks need, the function of the forms, and the topic; S3 has a gateway.
        reached = [endpoint.ECR, endpoint.ECR_DOCKER, endpoint.CLOUDWATCH_LOGS, endpoint.SECRETS_MANAGER]
        network = ServiceNetwork(
            self,
            "Network",
            interface_endpoints=[*reached, endpoint.LAMBDA_, endpoint.SNS],
            alarm_topic=alarm_topic,
        )
        database = ReplicatedDatabase(
            self,
            "Database",
            vpc=network.vpc,
            database_name="chat",
            instance_type=ec2.InstanceType("t4g.medium"),
            readers=1,  # the standby, in another zone
            alarm_topic=alarm_topic,
        )
        files = DirectObjectUpload(
            self,
            "Files",
            content_types=["image/png", "image/jpeg", "application/pdf", "text/plain"],
            max_size_mb=20,
            allowed_origins=[f"https://{name}"],
            alarm_topic=alarm_topic,
        )
        notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        front = add_front(self, configuration, "disconnect", network, alarm_topic)
        servers = ScaleOutService(
            self,
            "Servers",
            front=front,
            container=chat_container(
                {
                    "database_host": database.cluster.attr_endpoint_address,
                    "database_secret_id": database.secret.secret_arn,
                    "files": "bucket",
                    "bucket": files.bucket.bucket_name,
                    "form_function": files.form_function.function_name,
                    "notices": "topic",
                    "notice_topic": notices.topic.topic_arn,
                    "base_url": f"https://{name}",
                },
                secrets={"session_key": add_session_key(self)},
            ),
            route=ROUTE,
            scaling=ServiceScaling(max_capacity=6, requests_per_target=300),
            vpc_subnets=network.service_subnets,
            alarm_topic=alarm_topic,
        )
        servers.add_deep_health_check("DeepHealth")
        database.grant_connect(servers.service)
        accepted = files.bucket.arn_for_objects(f"{files.accepted_prefix}*")
        for action, resource in (
            ("s3:GetObject", accepted),
            ("lambda:InvokeFunction", files.form_function.function_arn),
        ):
            servers.task_role.add_to_principal_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        reason = "Owner, upload and file name are not known before; the prefix is the bound."
        acknowledge_resources(servers.task_role, [accepted], reason)
        notices.grant_publish(servers.task_role)
        add_outputs(
            self,
            Url=f"https://{name}",
            ListenerArn=front.listener.listener_arn,
            ClusterName=servers.cluster.cluster_name,
            ServiceName=servers.service.service_name,
            TargetGroupArn=servers.target_group.target_group_arn,
            DatabaseId=database.cluster.ref,
            TopicArn=notices.topic.topic_arn,
        )
