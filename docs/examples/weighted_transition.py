"""A shop that moves to new servers behind one load balancer, and back when they answer with errors."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from cdp_constructs import ServiceFront, ServiceRoute, WeightedTargetGroups, WeightedTransition


def build(stack: Stack, front: ServiceFront) -> WeightedTransition:
    """Add both groups of servers, the alarm that decides, and the transition to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    old, new = (
        elbv2.ApplicationTargetGroup(
            stack, name, vpc=front.vpc, port=8080, protocol=elbv2.ApplicationProtocol.HTTP, target_type=KIND
        )
        for name in ("Old", "New")
    )
    errors = cloudwatch.Metric(
        namespace="AWS/ApplicationELB",
        metric_name="HTTPCode_Target_5XX_Count",
        dimensions_map={
            "LoadBalancer": front.load_balancer.load_balancer_full_name,
            "TargetGroup": new.target_group_full_name,
        },
        statistic="Sum",
        period=Duration.minutes(1),
    )
    alarm = cloudwatch.Alarm(stack, "NewErrors", metric=errors, threshold=5, evaluation_periods=1)
    move = WeightedTransition(
        stack,
        "Move",
        target=WeightedTargetGroups(
            listener=front.listener, current=old, replacement=new, route=ServiceRoute(priority=10)
        ),
        alarms=[alarm],
        interval=Duration.minutes(15),
        alarm_topic=operators,
    )
    CfnOutput(stack, "Transition", value=move.workflow.state_machine.state_machine_arn)
    return move


KIND = elbv2.TargetType.IP
