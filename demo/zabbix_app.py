"""``app.py`` of a company's Zabbix: a server with its database in one task, behind a load balancer."""

from aws_cdk import App, CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs

from demo.zabbix import PASSWORD, USER

__all__ = ["add_zabbix"]

_PORT = 10_051


def add_zabbix(stack: Stack, vpc: ec2.IVpc) -> tuple[ecs.FargateService, elbv2.NetworkLoadBalancer, ec2.SecurityGroup]:
    """Add it; it knows what it has been told for as long as its task lives.

    Returns:
        The service, the balancer in front, and the balancer's group, which lets nobody in yet.
    """
    cluster = ecs.Cluster(stack, "Cluster", vpc=vpc)
    task = ecs.FargateTaskDefinition(stack, "Task", cpu=512, memory_limit_mib=1024)
    retention = logs.RetentionDays.ONE_DAY
    variables = {"POSTGRES_USER": USER, "POSTGRES_PASSWORD": PASSWORD}
    database = task.add_container(
        "Database",
        image=ecs.ContainerImage.from_registry("postgres:17"),
        environment=variables,
        health_check=ecs.HealthCheck(
            command=["CMD-SHELL", "$CDP_POSTGRES/bin/pg_isready -h localhost"], start_period=Duration.seconds(300)
        ),
        logging=ecs.LogDriver.aws_logs(stream_prefix="database", log_retention=retention),
    )
    server = task.add_container(
        "Zabbix",
        image=ecs.ContainerImage.from_registry("zabbix/zabbix-server-pgsql:alpine-6.0-latest"),
        environment={
            **variables,
            "DB_SERVER_HOST": "localhost",
            "ZBX_CACHEUPDATEFREQUENCY": "1",
            **{f"ZBX_START{kind}": "1" for kind in ("POLLERS", "PREPROCESSORS", "TRAPPERS", "DBSYNCERS")},
        },
        port_mappings=[ecs.PortMapping(container_port=_PORT)],
        health_check=ecs.HealthCheck(
            command=["CMD", "python", "-c", f"import socket; socket.create_connection(('localhost', {_PORT}), 2)"],
            interval=Duration.seconds(5),
            start_period=Duration.seconds(300),
        ),
        logging=ecs.LogDriver.aws_logs(stream_prefix="zabbix", log_retention=retention),
    )
    server.add_container_dependencies(
        ecs.ContainerDependency(container=database, condition=ecs.ContainerDependencyCondition.HEALTHY)
    )
    service = ecs.FargateService(
        stack,
        "Service",
        cluster=cluster,
        task_definition=task,
        assign_public_ip=True,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        min_healthy_percent=0,
    )
    group = ec2.SecurityGroup(stack, "BalancerGroup", vpc=vpc)
    balancer = elbv2.NetworkLoadBalancer(stack, "Balancer", vpc=vpc, security_groups=[group])
    target = service.load_balancer_target(container_name="Zabbix", container_port=_PORT)
    balancer.add_listener("Trapper", port=_PORT).add_targets("Zabbix", port=_PORT, targets=[target])
    service.connections.allow_from(group, ec2.Port.tcp(_PORT))
    return service, balancer, group


def build(app: App) -> Stack:
    """Add the stack, in the Region of the context: what is in other networks reaches it."""
    stack = Stack(app, "Zabbix", env=Environment(region=app.node.get_context("region")))
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0, restrict_default_security_group=False)
    service, balancer, group = add_zabbix(stack, vpc)
    group.connections.allow_from_any_ipv4(ec2.Port.tcp(_PORT))
    for name, value in {
        "ClusterName": service.cluster.cluster_name,
        "ServiceName": service.service_name,
        "Address": balancer.load_balancer_dns_name,
    }.items():
        CfnOutput(stack, name, value=value)
    return stack


if __name__ == "__main__":
    made = App()
    build(made)
    made.synth()
