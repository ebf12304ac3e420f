"""CloudWatch evaluates alarms as time passes, over whole minutes, on exactly the metric that they name."""

import json
from datetime import timedelta
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud
from cdp_constructs.testing import eventually
from tests.local.messaging import outputs, queue_policy, subscription
from tests.local.services.cloudwatch.alarms import NAMESPACE, Watched


@pytest.fixture
def watched(cloud: LocalCloud) -> Watched:
    return Watched(cloud)


def test_an_alarm_is_raised_a_minute_later_and_ends_with_its_cause(watched: Watched) -> None:
    watched.alarm()
    assert watched.state == "INSUFFICIENT_DATA"
    assert watched.after(1) == "OK"
    watched.put(4, 6)
    assert watched.state == "OK"
    assert watched.after(1) == "ALARM"
    alarm = watched.described
    assert alarm["StateReason"] == (
        "Threshold Crossed: 1 out of the last 1 datapoints [10.0] was greater than or equal to the threshold (10.0)."
    )
    assert json.loads(alarm["StateReasonData"])["recentDatapoints"] == [10.0]
    assert alarm["StateTransitionedTimestamp"] == alarm["StateUpdatedTimestamp"]
    # Two more minutes without data still look back at it, as on AWS.
    assert watched.after(3) == "OK"
    history = watched.client.describe_alarm_history(AlarmName=watched.name, HistoryItemType="StateUpdate")
    changes = [json.loads(item["HistoryData"]) for item in history["AlarmHistoryItems"]]
    assert [change["newState"]["stateValue"] for change in changes[:3]] == ["OK", "ALARM", "OK"]


def test_another_dimension_is_another_metric(watched: Watched, cloud: LocalCloud) -> None:
    other = Watched(cloud)
    watched.alarm()
    other.put(100)
    watched.client.put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": "Value", "Value": 100}])
    assert watched.after(1) == "OK"


def test_another_region_is_another_metric(watched: Watched, cloud: LocalCloud) -> None:
    watched.alarm()
    elsewhere = cloud.client("cloudwatch", region="us-west-2")
    data = {"MetricName": "Value", "Dimensions": watched.dimensions, "Value": 100}
    elsewhere.put_metric_data(Namespace=NAMESPACE, MetricData=[data])
    assert watched.after(1) == "OK"


def test_as_many_periods_as_it_says(watched: Watched) -> None:
    watched.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    watched.put(10)
    assert watched.after(1) == "OK"
    watched.put(0)
    assert watched.after(1) == "OK"
    watched.put(10)
    assert watched.after(1) == "ALARM"


def test_a_long_period_sums_its_minutes(watched: Watched) -> None:
    watched.alarm(Period=3600)
    for _ in range(9):
        watched.put(1)
        assert watched.after(5) == "OK"
    watched.put(1)
    assert watched.after(1) == "ALARM"


def test_a_percentile_leaves_out_the_worst(watched: Watched) -> None:
    watched.alarm(ExtendedStatistic="p90")
    watched.put(*[1] * 95, *[99] * 5)
    assert watched.after(1) == "OK"
    watched.put(*[1] * 80, *[99] * 20)
    assert watched.after(1) == "ALARM"


def test_a_comparison_with_less(watched: Watched) -> None:
    watched.alarm(ComparisonOperator="LessThanThreshold", TreatMissingData="breaching")
    watched.put(11)
    assert watched.after(1) == "OK"
    assert watched.after(3) == "ALARM"
    assert "missing datapoints were treated as [Breaching]" in watched.described["StateReason"]


def test_a_metric_that_nobody_emits_stays_without_data(watched: Watched) -> None:
    watched.alarm(TreatMissingData="missing")
    assert watched.after(60) == "INSUFFICIENT_DATA"


def test_an_alarm_on_math(watched: Watched) -> None:
    rate = {
        "Id": "rate",
        "Expression": "IF(FILL(all, 0) > 0, 100 * FILL(failed, 0) / all, 0)",
        "Label": "percent failed",
        "ReturnData": True,
    }
    watched.alarm(Metrics=[rate, watched.statistic("failed", "Failed"), watched.statistic("all", "All")])
    watched.put(50, name="All")
    watched.put(4, name="Failed")
    assert watched.after(1) == "OK"
    watched.put(50, name="All")
    watched.put(5, name="Failed")
    assert watched.after(1) == "ALARM"


def test_an_alarm_on_a_query_takes_metrics_whatever_their_other_dimensions(watched: Watched) -> None:
    [about] = watched.dimensions
    query = f"SELECT SUM(Value) FROM {NAMESPACE} WHERE {about['Name']} = '{about['Value']}'"  # noqa: S608
    watched.alarm(Metrics=[{"Id": "q", "Expression": query, "Period": 60, "ReturnData": True}])
    for kind in ("one", "other"):
        dimensions = [*watched.dimensions, {"Name": "Kind", "Value": kind}]
        data = {"MetricName": "Value", "Dimensions": dimensions, "Value": 5}
        watched.client.put_metric_data(Namespace=NAMESPACE, MetricData=[data])
    other = [{"Name": watched.dimensions[0]["Name"], "Value": "somebody else"}]
    watched.client.put_metric_data(
        Namespace=NAMESPACE, MetricData=[{"MetricName": "Value", "Dimensions": other, "Value": 100}]
    )
    assert watched.after(1) == "ALARM"
    assert "[10.0]" in watched.described["StateReason"]


def test_a_query_in_groups_is_not_evaluated_and_says_so(watched: Watched) -> None:
    query = f"SELECT SUM(Value) FROM {NAMESPACE} GROUP BY Kind"  # noqa: S608
    watched.alarm(Metrics=[{"Id": "q", "Expression": query, "Period": 60, "ReturnData": True}])
    assert watched.after(1) == "INSUFFICIENT_DATA"
    assert "GROUP BY" in watched.described["StateReason"]


def test_an_expression_that_cannot_be_evaluated_says_so(watched: Watched) -> None:
    expression = {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m, 2)", "ReturnData": True}
    watched.alarm(
        Metrics=[expression, watched.statistic("m")],
        ThresholdMetricId="band",
    )
    assert watched.after(1) == "INSUFFICIENT_DATA"
    assert "ANOMALY_DETECTION_BAND" in watched.described["StateReason"]
    assert watched.described["ThresholdMetricId"] == "band"


def test_a_composite_alarm_follows_the_states_of_its_alarms(watched: Watched) -> None:
    composite = f"above-{watched.name}"
    watched.alarm()
    watched.client.put_composite_alarm(AlarmName=composite, AlarmRule=f'ALARM("{watched.name}")')

    def state() -> str:
        answer = watched.client.describe_alarms(AlarmNames=[composite], AlarmTypes=["CompositeAlarm"])
        return str(answer["CompositeAlarms"][0]["StateValue"])

    assert watched.after(1) == "OK"
    assert state() == "OK"
    watched.put(10)
    assert watched.after(1) == "ALARM"
    assert state() == "ALARM"


def test_time_moves_by_what_is_said(cloud: LocalCloud) -> None:
    before = cloud.metrics.now()
    after = cloud.metrics.advance(minutes=75)
    assert timedelta(minutes=75) <= after - before < timedelta(minutes=76)


def test_time_cannot_be_moved_back(cloud: LocalCloud) -> None:
    for minutes in (0, -1):
        with pytest.raises(Exception, match="400 Bad Request"):
            cloud.metrics.advance(minutes=minutes)


@pytest.mark.timeout(120)
def test_without_a_move_an_alarm_is_evaluated_as_time_passes(watched: Watched) -> None:
    watched.alarm(Period=10)
    watched.put(10)
    eventually(lambda: watched.state == "ALARM", within=60)


NOTIFIED: dict[str, Any] = {
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Policy": queue_policy("Queue", {"Ref": "Topic"}),
        "Subscription": subscription("Queue", RawMessageDelivery=True),
        "Events": {"Type": "AWS::SQS::Queue"},
        "EventsPolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Events"}],
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Events", "Arn"]},
                        }
                    ]
                },
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}},
                "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Events", "Arn"]}}],
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmDescription": "too many",
                "Metrics": [
                    {"Id": "both", "Expression": "FILL(a, 0) + FILL(b, 0)", "Label": "both"},
                    *(
                        {
                            "Id": name,
                            "ReturnData": False,
                            "MetricStat": {
                                "Metric": {"Namespace": NAMESPACE, "MetricName": name},
                                "Period": 60,
                                "Stat": "Sum",
                            },
                        }
                        for name in ("a", "b")
                    ),
                ],
                "Threshold": 2,
                "EvaluationPeriods": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [{"Ref": "Topic"}],
            },
        },
    },
    "Outputs": outputs("Queue", "Events", "Alarm", "Topic"),
}


def test_a_change_is_told_to_the_topic_and_to_eventbridge_in_their_forms(stacks: Any, cloud: LocalCloud) -> None:
    deployed = stacks.deploy(NOTIFIED)
    cloudwatch, sqs = cloud.client("cloudwatch"), cloud.client("sqs")

    def sent(queue: str) -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=deployed[queue], MaxNumberOfMessages=10, WaitTimeSeconds=5)
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]

    cloudwatch.put_metric_data(
        Namespace=NAMESPACE, MetricData=[{"MetricName": name, "Value": 1} for name in ("a", "b")]
    )
    cloud.metrics.advance(minutes=1)
    [notice] = [notice for notice in sent("Queue") if notice["AlarmName"] == deployed["Alarm"]]
    assert (notice["NewStateValue"], notice["Region"]) == ("ALARM", "US East (N. Virginia)")
    assert notice["AlarmDescription"] == "too many"
    assert notice["AlarmActions"] == [deployed["Topic"]]
    assert {query.get("Expression") for query in notice["Trigger"]["Metrics"]} == {"FILL(a, 0) + FILL(b, 0)", None}
    events = [event for event in sent("Events") if event["detail"]["alarmName"] == deployed["Alarm"]]
    assert [event["detail-type"] for event in events] == ["CloudWatch Alarm State Change"]
    assert events[0]["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert events[0]["resources"] == [notice["AlarmArn"]]


def test_a_topic_whose_policy_does_not_let_cloudwatch_publish_hears_nothing(stacks: Any, cloud: LocalCloud) -> None:
    template = json.loads(json.dumps(NOTIFIED))
    allowed = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish"}
    template["Resources"]["TopicPolicy"] = {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {
            "Topics": [{"Ref": "Topic"}],
            "PolicyDocument": {"Statement": [{**allowed, "Resource": {"Ref": "Topic"}}]},
        },
    }
    deployed = stacks.deploy(template)
    cloud.client("cloudwatch").set_alarm_state(AlarmName=deployed["Alarm"], StateValue="ALARM", StateReason="test")
    answer = cloud.client("sqs").receive_message(QueueUrl=deployed["Queue"], WaitTimeSeconds=1)
    assert not answer.get("Messages")
