"""WebApplicationFirewall: what reaches a distribution or a user pool has passed AWS WAF's rules."""

from collections.abc import Sequence
from typing import Literal

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import cloudwatch, sns
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import minutes
from cdp_constructs.core.web_acls import check_rate_limit, rate_rule, visibility
from cdp_constructs.delivery._firewall_checks import (
    check_countries,
    check_managed_rule_groups,
    check_operations,
    check_web_acl_scope,
)
from cdp_constructs.delivery._firewall_logs import add_logging
from cdp_constructs.delivery._firewall_rules import BASELINE, country_rule, managed_rule

_BLOCKED_THAT_ALARM = 1000


@checks_options
class WebApplicationFirewall(Construct):
    """An AWS WAF web ACL: managed rules, a limit for each address, countries, and a log of what was blocked.

    CDP: none.

    It protects CloudFront distributions from a stack of us-east-1, or resources of its own Region: user pools, REST
    APIs, load balancers. AWS WAF cannot protect an HTTP API; a distribution in front of one is protected.

        firewall = WebApplicationFirewall(virginia_stack, "Firewall", rate_limit=5000)
        site.attach_web_acl(firewall.web_acl_arn)

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        web_acl_scope: ``CLOUDFRONT``, only in a stack of us-east-1, by default; or ``REGIONAL``.
        managed_rule_groups: Names of AWS's rule groups that cost nothing beside the rule. By default the core rule set,
            known bad inputs, and Amazon's list of addresses with a bad reputation; together 925 of the 1,500 capacity
            units that the price includes (https://docs.aws.amazon.com/waf/latest/developerguide/limits.html).
        inspect_bodies: Whether the groups' rules may block a request for its body, such as one of more than 8 KB. True
            by default. With False they only count: where users write what they like or upload files.
        rate_limit: Requests of one address in five minutes, 10 to 2,000,000,000; 2,000 by default, None for no limit.
            A distribution answers 429 with ``Retry-After``. At least what all users behind one address need.
        unlimited_operations: Operations of Cognito that the rate limit does not count, such as
            ``GetTokensFromRefreshToken``; by default it counts all.
        allowed_countries: Two-letter codes of the only countries whose requests pass (ISO 3166), at most 50. All by
            default.
        blocked_countries: Codes of countries whose requests are blocked, at most 50; none by default.
        alarm_topic: Receives an alarm when 1,000 requests were blocked in five minutes; by default there is none.
        log_retention: How long blocked requests are kept in CloudWatch Logs; 3 months by default.
        removal_policy: What happens to the log group when the stack is deleted; it is kept by default.

    Raises:
        InvalidOptionError: for a web ACL for CloudFront outside us-east-1, an unknown or paid rule group, countries
            that are allowed and blocked, a code that is none, and a rate limit out of range.
    """

    web_acl: wafv2.CfnWebACL
    """The web ACL."""
    web_acl_arn: str
    """Its ARN, for ``attach_web_acl`` of a distribution or of ``SignInUserPool``."""
    log_group: logs.LogGroup
    """Blocked requests, without query strings, cookies and authorization headers."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        web_acl_scope: Literal["CLOUDFRONT", "REGIONAL"] = "CLOUDFRONT",
        managed_rule_groups: Sequence[str] = BASELINE,
        inspect_bodies: bool = True,
        rate_limit: int | None = 2000,
        unlimited_operations: Sequence[str] = (),
        allowed_countries: Sequence[str] = (),
        blocked_countries: Sequence[str] = (),
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        check_web_acl_scope(self, web_acl_scope)
        check_managed_rule_groups(self, managed_rule_groups)
        check_operations(self, unlimited_operations)
        check_countries(self, allowed_countries, blocked_countries)
        check_rate_limit(self, rate_limit)
        # AWS WAF names its metrics by it, in a namespace that all web ACLs of the Region share.
        self._name = Names.unique_resource_name(self, max_length=120, separator="-")
        self._is_regional = web_acl_scope == "REGIONAL"
        rules = [
            *country_rule(allowed_countries, blocked_countries),
            *(
                [rate_rule(rate_limit, unlimited_operations=unlimited_operations, retry_after=not self._is_regional)]
                if rate_limit is not None
                else []
            ),
            *(managed_rule(name, inspect_bodies=inspect_bodies) for name in managed_rule_groups),
        ]
        # "Default" is left out of logical ids, so that a web ACL that stood alone keeps its own.
        self.web_acl = wafv2.CfnWebACL(
            self,
            "Default",
            scope=web_acl_scope,
            description=path_of(self)[-256:],
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=visibility(self._name),
            rules=[_in_place(rule, priority) for priority, rule in enumerate(rules)],
        )
        self.web_acl_arn = self.web_acl.attr_arn
        self.log_group = add_logging(
            self, self.web_acl, self._name, log_retention=log_retention, removal_policy=removal_policy
        )
        add_alarm(
            self,
            "BlockedAlarm",
            self.metric_blocked(),
            alarm_topic=alarm_topic,
            threshold=_BLOCKED_THAT_ALARM,
            description=f"{path_of(self)}: AWS WAF blocked {_BLOCKED_THAT_ALARM:,} requests within 5 minutes. Look in "
            "its log whether somebody attacks, or a rule blocks users.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of this pattern, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def metric_blocked(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Requests that were blocked. Sum over 5 minutes by default."""
        return self._metric("BlockedRequests", period)

    def metric_allowed(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Requests that passed. Sum over 5 minutes by default."""
        return self._metric("AllowedRequests", period)

    def _metric(self, name: str, period: Duration | None) -> "cloudwatch.Metric":
        from aws_cdk import aws_cloudwatch as cloudwatch

        # Metrics of CloudFront's web ACLs have no Region:
        # https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
        region = {"Region": stack_of(self).region} if self._is_regional else {}
        return cloudwatch.Metric(
            namespace="AWS/WAFV2",
            metric_name=name,
            dimensions_map={"WebACL": self._name, "Rule": "ALL", **region},
            statistic="sum",
            period=period or minutes(5),
        )


def _in_place(rule: wafv2.CfnWebACL.RuleProperty, priority: int) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=rule.name,
        priority=priority,
        action=rule.action,
        override_action=rule.override_action,
        statement=rule.statement,
        visibility_config=rule.visibility_config,
    )
