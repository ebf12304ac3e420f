"""Board D2, After 6: one server that is made anew from its image, with its state outside."""

import json

from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from cdp_constructs import ServiceNetwork, Stamp, VapidKeys
from cdp_constructs.core.periods import minutes
from stacks.dojo.after_6.database import add_alarms, add_database
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import ROUTE, add_alarm_topic, add_front, add_outputs, add_session_key, chat_container

__all__ = ["After6Stack"]


class After6Stack(Stack):
    """An ordinary web application on one server; push and links to social networks are its own code.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: Where it runs.
        configuration: What the operator decides.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, env: Environment, configuration: DojoConfiguration
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="After 6: a chat on one server")
        alarm_topic = add_alarm_topic(self, configuration)
        # The server itself calls the push services of browsers, which are on the internet.
        network = ServiceNetwork(self, "Network", nat_gateways=True, alarm_topic=alarm_topic)
        database, secret = add_database(self, network)
        add_alarms(database, alarm_topic)
        keys = VapidKeys(self, "VapidKeys")
        name = configuration.domain_name("after_6")
        settings = {
            "database_host": database.instance_endpoint.hostname,
            "database_secret_id": secret.secret_arn,
            "notices": "push",
            "push_contact": f"mailto:{configuration.alarm_email or f'postmaster@{configuration.hosted_zone_name}'}",
            "base_url": f"https://{name}",
        }
        if configuration.push_services is not None:
            settings["push_hosts"] = json.dumps(configuration.push_services)
        server = Stamp(
            self,
            "Server",
            container=chat_container(
                settings,
                secrets={
                    "session_key": add_session_key(self),
                    "push_key": ecs.Secret.from_secrets_manager(keys.secret, "private_key"),
                },
            ),
            # The board asks for a server that is made anew when the database does not answer it, either.
            health_check_command=["python", "-m", "stacks.dojo.app.check"],
            vpc=network.vpc,
            vpc_subnets=network.service_subnets,
            replaced_within=minutes(3),
            alarm_topic=alarm_topic,
        )
        # The secret is empty until the pair has been made.
        server.service.node.add_dependency(keys)
        secret.grant_read(server.task_role)
        network.allow(server.service, database, port=ec2.Port.tcp(5432))
        front = add_front(self, configuration, "after_6", network, alarm_topic)
        targets = server.add_route("Web", front=front, route=ROUTE)
        add_outputs(
            self,
            Url=f"https://{name}",
            ListenerArn=front.listener.listener_arn,
            ClusterName=server.cluster.cluster_name,
            ServiceName=server.service.service_name,
            TargetGroupArn=targets.target_group_arn,
            DatabaseId=database.instance_identifier,
            PushKey=keys.public_key,
        )
