"""The count of readers follows their CPU."""

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_rds as rds
from constructs import Construct

__all__ = ["scale_readers"]

_CPU_PERCENT = 60


def scale_readers(scope: Construct, cluster: rds.CfnDBCluster, *, fewest: int, most: int) -> None:
    """Let Application Auto Scaling add readers up to a number, and remove what it has added.

    It works with its service-linked role: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html
    """
    target = autoscaling.CfnScalableTarget(
        scope,
        "Readers",
        service_namespace="rds",
        scalable_dimension="rds:cluster:ReadReplicaCount",
        resource_id=f"cluster:{cluster.ref}",
        min_capacity=fewest,
        max_capacity=most,
    )
    autoscaling.CfnScalingPolicy(
        scope,
        "ReadersPolicy",
        policy_name="ReaderCpu",
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            target_value=_CPU_PERCENT,
            predefined_metric_specification=autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                predefined_metric_type="RDSReaderAverageCPUUtilization"
            ),
        ),
    )
