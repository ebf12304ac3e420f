"""Board D5, Umin Chat: servers in several zones behind CloudFront, a standby and read replicas, direct uploads."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs import (
    DirectObjectUpload,
    ReplicatedDatabase,
    ScaleOutService,
    ServiceFront,
    ServiceNetwork,
    ServiceScaling,
    SnsSqsFanout,
)
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.files import add_files, allow_files
from stacks.dojo.parts import ROUTE, add_alarm_topic, add_front, add_outputs, add_session_key, chat_container
from stacks.dojo.umin_chat.edge import UminChatEdgeStack

__all__ = ["UminChatStack"]


class UminChatStack(Stack):
    """What everybody reads comes from edge locations; what an author has just written is never missing for him.

    Args:
        scope: The app or stage.
        construct_id: The stack's name; the one of the edge locations has the same with ``Edge``.
        env: Where the servers run.
        configuration: What the operator decides.
    """

    edge: UminChatEdgeStack
    """CloudFront, in us-east-1."""
    front: ServiceFront
    """The load balancer."""
    servers: ScaleOutService
    """The servers."""
    database: ReplicatedDatabase
    """Writer and readers."""
    files: DirectObjectUpload
    """Where browsers upload to."""
    notices: SnsSqsFanout
    """Notices to people who are away."""

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Umin Chat: a chat behind CloudFront")
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("umin_chat")
        endpoint = ec2.InterfaceVpcEndpointAwsService
        reached = [endpoint.ECR, endpoint.ECR_DOCKER, endpoint.CLOUDWATCH_LOGS, endpoint.SECRETS_MANAGER]
        network = ServiceNetwork(
            self,
            "Network",
            # The function of the forms, and the topic, beside what tasks need; S3 has a gateway.
            interface_endpoints=[*reached, endpoint.LAMBDA_, endpoint.SNS],
            alarm_topic=alarm_topic,
        )
        self.database = ReplicatedDatabase(
            self,
            "Database",
            vpc=network.vpc,
            database_name="chat",
            instance_type=ec2.InstanceType("t4g.medium"),
            readers=2,  # one of them takes over, and the other one still answers
            max_readers=4,
            alarm_topic=alarm_topic,
        )
        self.files = add_files(self, origin=f"https://{name}", alarm_topic=alarm_topic)
        self.notices = SnsSqsFanout(self, "Notices", alarm_topic=alarm_topic)
        # The board's own name is CloudFront's; this one is for CloudFront only.
        self.front = add_front(self, configuration, "umin_chat_origin", network, alarm_topic)
        cluster = self.database.cluster
        self.servers = ScaleOutService(
            self,
            "Servers",
            front=self.front,
            container=chat_container(
                {
                    "database_host": cluster.attr_endpoint_address,
                    "database_reader_host": cluster.attr_read_endpoint_address,
                    "database_secret_id": self.database.secret.secret_arn,
                    "files": "bucket",
                    "bucket": self.files.bucket.bucket_name,
                    "form_function": self.files.form_function.function_name,
                    "notices": "topic",
                    "notice_topic": self.notices.topic.topic_arn,
                    "public_rooms": "true",
                    "base_url": f"https://{name}",
                },
                secrets={"session_key": add_session_key(self)},
            ),
            route=ROUTE,
            scaling=ServiceScaling(max_capacity=8, requests_per_target=300),
            vpc_subnets=network.service_subnets,
            alarm_topic=alarm_topic,
        )
        self.servers.add_deep_health_check("DeepHealth")
        self.database.grant_connect(self.servers.service)
        allow_files(self.servers.task_role, self.files)
        self.notices.grant_publish(self.servers.task_role)
        add_outputs(
            self,
            Url=f"https://{name}",
            ListenerArn=self.front.listener.listener_arn,
            ClusterName=self.servers.cluster.cluster_name,
            ServiceName=self.servers.service.service_name,
            TargetGroupArn=self.servers.target_group.target_group_arn,
            DatabaseId=cluster.ref,
            TopicArn=self.notices.topic.topic_arn,
        )
        self.edge = UminChatEdgeStack(
            scope,
            f"{construct_id}Edge",
            env=Environment(account=env.account, region="us-east-1"),
            configuration=configuration,
            origin_name=self.front.domain_name,
        )
        self.edge.add_dependency(self, "CloudFront has its origin first")
