"""What IotAccountSettings promises in its templates."""

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_sns as sns

from cdp_constructs import InvalidOptionError, IotAccountSettings
from cdp_constructs.testing import Synthesis, architecture


@architecture
def everything(stack: Stack) -> IotAccountSettings:
    return IotAccountSettings(stack, "Iot", alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True))


@architecture
def alarms_only(stack: Stack) -> IotAccountSettings:
    alarms = sns.Topic(stack, "Alarms", enforce_ssl=True)
    return IotAccountSettings(stack, "Iot", log_level=None, audit=False, indexing=False, alarm_topic=alarms)


def test_it_logs_audits_and_indexes(synthesis: Synthesis) -> None:
    template = synthesis(everything).template
    template.has_resource_properties("AWS::IoT::Logging", {"DefaultLogLevel": "ERROR"})
    template.has_resource_properties("AWS::IoT::ScheduledAudit", {"Frequency": "DAILY"})
    template.resource_count_is("AWS::IoT::AccountAuditConfiguration", 1)
    template.resource_count_is("Custom::IotIndexing", 1)


def test_every_check_that_is_enabled_is_run(synthesis: Synthesis) -> None:
    built = synthesis(everything)
    [configuration] = built.resources("AWS::IoT::AccountAuditConfiguration").values()
    [audit] = built.resources("AWS::IoT::ScheduledAudit").values()
    enabled = configuration["Properties"]["AuditCheckConfigurations"]
    names = {"".join(word.capitalize() for word in name.split("_")) for name in audit["Properties"]["TargetCheckNames"]}
    assert {name.lower() for name in enabled} == {name.lower() for name in names}
    assert all(check == {"Enabled": True} for check in enabled.values())


def test_what_the_account_has_already_can_be_left_out(synthesis: Synthesis) -> None:
    built = synthesis(alarms_only)
    types = {resource["Type"] for resource in built.template_json["Resources"].values()}
    assert types == {"AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::CloudWatch::Alarm"}
    assert {alarm["Properties"]["MetricName"] for alarm in built.resources("AWS::CloudWatch::Alarm").values()} == {
        *("Connect.AuthError", "PublishIn.AuthError", "Subscribe.AuthError")
    }


def test_rule_packs_have_nothing_to_say(synthesis: Synthesis) -> None:
    for build in (everything, alarms_only):
        assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_second_one_in_a_stack_is_refused(cdk_app: App) -> None:
    stack = Stack(cdk_app, "Stack")
    IotAccountSettings(stack, "One")
    with pytest.raises(InvalidOptionError, match="already"):
        IotAccountSettings(stack, "Two")
