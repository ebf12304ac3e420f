"""One way to make a configuration set of SES: TLS only, with a suppression list, and alarms about its reputation."""

from aws_cdk import Duration
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.cdk import sns
from cdp_constructs.core.paths import path_of

# AWS reviews an account from 5 % bounces or 0.1 % complaints on, and may stop its mail at twice to five times that.
# https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html
_RATES_THAT_ALARM = {"BounceRate": 0.05, "ComplaintRate": 0.001}


def add_configuration_set(scope: "Construct", alarm_topic: "sns.ITopic | None") -> str:
    """Add SES's configuration set ``ConfigurationSet`` and return its name.

    Mail goes only over TLS. SES's suppression list of the account takes in what bounced or was complained about: events
    reach EventBridge on a best-effort basis, and this stands behind one that is missing.

    Args:
        scope: The pattern that sends mail.
        alarm_topic: Receives alarms about the set's reputation; None leaves them out.
    """
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_ses as ses

    configuration_set = ses.CfnConfigurationSet(
        scope,
        "ConfigurationSet",
        delivery_options=ses.CfnConfigurationSet.DeliveryOptionsProperty(tls_policy="REQUIRE"),
        reputation_options=ses.CfnConfigurationSet.ReputationOptionsProperty(reputation_metrics_enabled=True),
        sending_options=ses.CfnConfigurationSet.SendingOptionsProperty(sending_enabled=True),
        suppression_options=ses.CfnConfigurationSet.SuppressionOptionsProperty(
            suppressed_reasons=["BOUNCE", "COMPLAINT"]
        ),
    )
    for name, rate in _RATES_THAT_ALARM.items():
        add_alarm(
            scope,
            f"{name}Alarm",
            cloudwatch.Metric(
                namespace="AWS/SES",
                metric_name=f"Reputation.{name}",
                dimensions_map={"ses:configuration-set": configuration_set.ref},
                statistic="max",
                period=Duration.hours(1),
            ),
            alarm_topic=alarm_topic,
            threshold=rate,
            description=f"{path_of(scope)}: the {name} of mails reached {rate:.1%}. Look where addresses come from; "
            "AWS may stop the account's mail.",
        )
    return configuration_set.ref
