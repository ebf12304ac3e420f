"""Networks, containers, instances and batch jobs."""

from aws_cdk import CfnOutput, RemovalPolicy, Size, Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_elasticloadbalancingv2_targets as elbv2_targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_opensearchserverless as opensearch
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_wafv2 as wafv2

from tests.local.coverage.typical_app.common import function, vpc


def network(stack: Stack) -> None:
    network = vpc(stack)
    network.add_flow_log("FlowLog")
    network.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    network.add_interface_endpoint("Sqs", service=ec2.InterfaceVpcEndpointAwsService.SQS)
    group = ec2.SecurityGroup(stack, "Group", vpc=network, allow_all_outbound=False)
    group.add_ingress_rule(ec2.Peer.ipv4("10.0.0.0/8"), ec2.Port.tcp(443))
    other = ec2.SecurityGroup(stack, "Other", vpc=network)
    group.connections.allow_to(other, ec2.Port.tcp(5432))
    ec2.NetworkAcl(stack, "Acl", vpc=network).add_entry(
        "Https",
        rule_number=100,
        cidr=ec2.AclCidr.any_ipv4(),
        traffic=ec2.AclTraffic.tcp_port(443),
    )
    instance = ec2.Instance(
        stack,
        "Bastion",
        vpc=network,
        instance_type=ec2.InstanceType("t4g.nano"),
        machine_image=ec2.MachineImage.generic_linux({stack.region: "ami-12345678"})
        if stack.region == "us-east-1"
        else ec2.MachineImage.latest_amazon_linux2023(),
        role=iam.Role(stack, "BastionRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")),
    )
    CfnOutput(stack, "BastionAddress", value=instance.instance_private_ip)
    ec2.CfnEIP(stack, "Address", instance_id=instance.instance_id)


def balanced_containers(stack: Stack) -> None:
    network = vpc(stack)
    cluster = ecs.Cluster(stack, "Cluster", vpc=network, container_insights_v2=ecs.ContainerInsights.ENABLED)
    cluster.add_default_cloud_map_namespace(name="internal.test")
    service = ecs_patterns.ApplicationLoadBalancedFargateService(
        stack,
        "Web",
        cluster=cluster,
        task_image_options=ecs_patterns.ApplicationLoadBalancedTaskImageOptions(
            image=ecs.ContainerImage.from_registry("public.ecr.aws/nginx/nginx"),
            secrets={"TOKEN": ecs.Secret.from_secrets_manager(secretsmanager.Secret(stack, "Token"))},
        ),
        cloud_map_options=ecs.CloudMapOptions(name="web"),
        circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
    )
    service.service.auto_scale_task_count(max_capacity=4).scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
    acl = wafv2.CfnWebACL(
        stack,
        "Acl",
        scope="REGIONAL",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
            cloud_watch_metrics_enabled=True, metric_name="acl", sampled_requests_enabled=True
        ),
        rules=[
            wafv2.CfnWebACL.RuleProperty(
                name="blocked",
                priority=0,
                action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                statement=wafv2.CfnWebACL.StatementProperty(
                    ip_set_reference_statement={
                        "arn": wafv2.CfnIPSet(
                            stack, "Blocked", scope="REGIONAL", ip_address_version="IPV4", addresses=["192.0.2.0/24"]
                        ).attr_arn
                    }
                ),
                visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
                    cloud_watch_metrics_enabled=True, metric_name="blocked", sampled_requests_enabled=True
                ),
            )
        ],
    )
    balancer = service.load_balancer.load_balancer_arn
    wafv2.CfnWebACLAssociation(stack, "Guard", resource_arn=balancer, web_acl_arn=acl.attr_arn)
    ecs_patterns.QueueProcessingFargateService(
        stack, "Worker", cluster=cluster, image=ecs.ContainerImage.from_registry("public.ecr.aws/nginx/nginx")
    )
    ecr.Repository(stack, "Images", empty_on_delete=True, removal_policy=RemovalPolicy.DESTROY)


def balanced_functions(stack: Stack) -> None:
    network = vpc(stack)
    balancer = elbv2.ApplicationLoadBalancer(stack, "Balancer", vpc=network, internet_facing=True)
    balancer.add_listener("Http", port=80).add_targets(
        "Function", targets=[elbv2_targets.LambdaTarget(function(stack, "Handler"))]
    )
    CfnOutput(stack, "BalancerName", value=balancer.load_balancer_dns_name)
    elbv2.NetworkLoadBalancer(stack, "Tcp", vpc=network).add_listener("Tcp", port=443).add_targets("None", port=443)


def scaled_instances(stack: Stack) -> None:
    group = autoscaling.AutoScalingGroup(
        stack,
        "Group",
        vpc=vpc(stack),
        instance_type=ec2.InstanceType("t4g.small"),
        machine_image=ec2.MachineImage.latest_amazon_linux2023(cpu_type=ec2.AmazonLinuxCpuType.ARM_64),
        max_capacity=3,
        require_imdsv2=True,
        notifications=[autoscaling.NotificationConfiguration(topic=sns.Topic(stack, "Scaled"))],
    )
    group.scale_on_cpu_utilization("Cpu", target_utilization_percent=50)
    group.scale_on_schedule("Night", schedule=autoscaling.Schedule.cron(hour="1", minute="0"), desired_capacity=1)
    group.add_lifecycle_hook("Drain", lifecycle_transition=autoscaling.LifecycleTransition.INSTANCE_TERMINATING)


def searches_and_batches(stack: Stack) -> None:
    opensearch.CfnSecurityPolicy(stack, "Policy", name="specimen", type="encryption", policy="{}")
    collection = opensearch.CfnCollection(stack, "Collection", name="specimen", type="SEARCH")
    CfnOutput(stack, "CollectionEndpoint", value=collection.attr_collection_endpoint)
    environment = batch.FargateComputeEnvironment(stack, "Environment", vpc=vpc(stack))
    batch.JobQueue(
        stack,
        "Jobs",
        compute_environments=[batch.OrderedComputeEnvironment(compute_environment=environment, order=1)],
    )
    batch.EcsJobDefinition(
        stack,
        "Job",
        container=batch.EcsFargateContainerDefinition(
            stack,
            "Container",
            image=ecs.ContainerImage.from_registry("public.ecr.aws/docker/library/busybox"),
            cpu=0.25,
            memory=Size.mebibytes(512),
        ),
    )
    scaling.CfnScalableTarget(
        stack,
        "Target",
        max_capacity=2,
        min_capacity=1,
        resource_id="table/rooms",
        scalable_dimension="dynamodb:table:ReadCapacityUnits",
        service_namespace="dynamodb",
    )
