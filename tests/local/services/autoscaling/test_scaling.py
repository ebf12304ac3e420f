"""Application Auto Scaling: the count of a service follows what load balancers count, steps, and schedules."""

from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.autoscaling.alarms import alarm_name
from tests.local.services.ecs.web import Web

Eventually = Callable[..., Any]
KEY = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


@pytest.fixture(scope="module")
def web(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        system = Web(cloud, tmp_path_factory.mktemp("web"))
        deployment = system.deploy("first", DesiredCount=1)
        yield system
        deployment.destroy()


@pytest.fixture
def target(web: Web) -> Iterator[dict[str, str]]:
    """The service, with one task, as what is scaled between one and four."""
    key = {**KEY, "ResourceId": f"service/{web.outputs['Cluster']}/{web.outputs['Service']}"}
    web.client("ecs").update_service(cluster=web.outputs["Cluster"], service=web.outputs["Service"], desiredCount=1)
    scaling = web.client("application-autoscaling")
    scaling.register_scalable_target(**key, MinCapacity=1, MaxCapacity=4)
    yield key
    scaling.deregister_scalable_target(**key)


def _wanted(web: Web) -> int:
    described = web.client("ecs").describe_services(cluster=web.outputs["Cluster"], services=[web.outputs["Service"]])
    return int(described["services"][0]["desiredCount"])


def _label(web: Web) -> str:
    elbv2 = web.client("elbv2")
    [group] = elbv2.describe_target_groups(TargetGroupArns=[web.outputs["Targets"]])["TargetGroups"]
    balancer = group["LoadBalancerArns"][0].partition("loadbalancer/")[2]
    return f"{balancer}/{group['TargetGroupArn'].rpartition(':')[2]}"


def test_more_requests_bring_more_tasks_and_fewer_take_them_away(
    web: Web, target: dict[str, str], eventually: Eventually
) -> None:
    web.client("application-autoscaling").put_scaling_policy(
        **target,
        PolicyName="requests",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 20,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget",
                "ResourceLabel": _label(web),
            },
        },
    )
    for _ in range(3):
        for _ in range(50):
            assert web.get().status_code == 200
        web.cloud.metrics.advance(minutes=1)
    web.cloud.metrics.advance(minutes=2)
    assert _wanted(web) in {3, 4}  # 50 requests a minute are 2.5 times the target
    eventually(lambda: len(web.tasks()) == _wanted(web), within=60)
    for _ in range(16):
        web.get()
        web.cloud.metrics.advance(minutes=1)
    web.cloud.metrics.advance(minutes=6)
    assert _wanted(web) == 1
    activities = web.client("application-autoscaling").describe_scaling_activities(**target)["ScalingActivities"]
    assert all("in state ALARM triggered policy requests" in activity["Cause"] for activity in activities)
    assert len(activities) >= 2


def test_tasks_are_taken_away_only_when_all_targets_are_missed(web: Web, target: dict[str, str]) -> None:
    scaling, cloudwatch = web.client("application-autoscaling"), web.client("cloudwatch")
    web.client("ecs").update_service(cluster=web.outputs["Cluster"], service=web.outputs["Service"], desiredCount=3)
    for name in ("Readers", "Writers"):
        metric = {"Namespace": "Shop", "MetricName": name, "Statistic": "Average"}
        scaling.put_scaling_policy(
            **target,
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": 50, "CustomizedMetricSpecification": metric},
        )

    def pass_minutes(**values: float) -> None:
        for _ in range(17):
            data = [{"MetricName": name, "Value": value} for name, value in values.items()]
            cloudwatch.put_metric_data(Namespace="Shop", MetricData=data)
            web.cloud.metrics.advance(minutes=1)

    pass_minutes(Readers=1, Writers=50)
    assert _wanted(web) == 3
    pass_minutes(Readers=1, Writers=1)
    assert _wanted(web) == 1


def test_steps_go_by_how_far_the_threshold_is_exceeded(web: Web, target: dict[str, str]) -> None:
    policy = web.client("application-autoscaling").put_scaling_policy(
        **target,
        PolicyName="backlog",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "Cooldown": 60,
            "StepAdjustments": [
                {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 100, "ScalingAdjustment": 1},
                {"MetricIntervalLowerBound": 100, "ScalingAdjustment": 3},
            ],
        },
    )
    cloudwatch = web.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="backlog",
        Namespace="Tests",
        MetricName="Backlog",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[policy["PolicyARN"]],
        TreatMissingData="notBreaching",
    )
    cloudwatch.put_metric_data(Namespace="Tests", MetricData=[{"MetricName": "Backlog", "Value": 50}])
    web.cloud.metrics.advance(minutes=1)
    web.cloud.metrics.advance(seconds=1)
    assert _wanted(web) == 2
    web.cloud.metrics.advance(minutes=5)
    cloudwatch.put_metric_data(Namespace="Tests", MetricData=[{"MetricName": "Backlog", "Value": 500}])
    web.cloud.metrics.advance(minutes=1)
    web.cloud.metrics.advance(seconds=1)
    assert _wanted(web) == 4  # three more would be five, and four is the most


def test_a_scheduled_action_changes_the_limits_when_it_is_due(web: Web, target: dict[str, str]) -> None:
    moment = web.cloud.metrics.now() + timedelta(minutes=3)
    web.client("application-autoscaling").put_scheduled_action(
        **target,
        ScheduledActionName="morning",
        Schedule=f"at({moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 2},
    )
    web.cloud.metrics.advance(minutes=1)
    assert _wanted(web) == 1
    web.cloud.metrics.advance(minutes=3)
    assert _wanted(web) == 2
    scaling = web.client("application-autoscaling")
    for never in ("rate(0 days)", "at(tomorrow)", "cron(0 7 * *)"):
        with pytest.raises(scaling.exceptions.ValidationException, match="is not valid"):
            scaling.put_scheduled_action(**target, ScheduledActionName="night", Schedule=never)


def test_what_does_not_exist_cannot_be_scaled(web: Web) -> None:
    scaling = web.client("application-autoscaling")
    with pytest.raises(scaling.exceptions.ValidationException, match="ECS service doesn't exist"):
        scaling.register_scalable_target(**KEY, ResourceId="service/none/none", MinCapacity=1, MaxCapacity=2)
    with pytest.raises(scaling.exceptions.ObjectNotFoundException, match="No scalable target found"):
        scaling.put_scheduled_action(
            **KEY, ResourceId="service/none/none", ScheduledActionName="a", Schedule="rate(1 day)"
        )


def test_load_balancers_and_services_emit_metrics(web: Web) -> None:
    assert web.get().status_code == 200
    web.cloud.metrics.advance(minutes=1)
    listed = web.client("cloudwatch").list_metrics()["Metrics"]
    assert {
        ("AWS/ApplicationELB", "RequestCount"),
        ("AWS/ApplicationELB", "HTTPCode_Target_2XX_Count"),
        ("AWS/ApplicationELB", "TargetResponseTime"),
        ("AWS/ApplicationELB", "HealthyHostCount"),
        ("AWS/ECS", "CPUUtilization"),
        ("AWS/ECS", "MemoryUtilization"),
    } <= {(metric["Namespace"], metric["MetricName"]) for metric in listed}


def test_the_name_of_an_alarm_is_as_long_as_cloudwatch_takes_it() -> None:
    resource = f"service/{'c' * 120}/{'s' * 120}"
    names = {alarm_name(resource, "high"), alarm_name(resource, "low")}
    assert {len(name) for name in names} == {255}
    assert len(names) == 2
    assert alarm_name("service/shop/web", "low").startswith("TargetTracking-service/shop/web-AlarmLow-")


def test_each_task_reports_its_cpu_once_a_minute(web: Web, target: dict[str, str]) -> None:
    """An alarm may count samples: there are as many as tasks, however often the clock is moved within a minute."""
    del target  # which leaves one task
    dimensions = [
        {"Name": "ClusterName", "Value": web.outputs["Cluster"]},
        {"Name": "ServiceName", "Value": web.outputs["Service"]},
    ]
    web.cloud.metrics.advance(minutes=2)  # those of former tests are over
    start = web.cloud.metrics.now()
    for _ in range(12):
        web.cloud.metrics.advance(seconds=30)
    end = web.cloud.metrics.now()
    points = web.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ECS",
        MetricName="CPUUtilization",
        Dimensions=dimensions,
        StartTime=start,
        EndTime=end,
        Period=60,
        Statistics=["SampleCount"],
    )["Datapoints"]
    assert len(points) >= 5
    assert {point["SampleCount"] for point in points} == {1}
