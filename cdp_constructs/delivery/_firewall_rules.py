"""Rules of a web ACL: countries, and AWS's managed rule groups."""

from collections.abc import Sequence

from aws_cdk import aws_wafv2 as wafv2

from cdp_constructs.core.web_acls import visibility

BASELINE = (
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
)

# Groups without a further fee, and what in them judges a request by its body:
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
BODY_RULES: dict[str, tuple[str, ...]] = {
    "AWSManagedRulesAdminProtectionRuleSet": (),
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesAnonymousIpList": (),
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "CrossSiteScripting_BODY",
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY"),
    "AWSManagedRulesLinuxRuleSet": (),
    "AWSManagedRulesPHPRuleSet": ("PHPHighRiskMethodsVariables_BODY",),
    "AWSManagedRulesSQLiRuleSet": ("SQLi_BODY", "SQLiExtendedPatterns_BODY"),
    "AWSManagedRulesUnixRuleSet": ("UNIXShellCommandsVariables_BODY",),
    "AWSManagedRulesWindowsRuleSet": ("WindowsShellCommands_BODY", "PowerShellCommands_BODY"),
    "AWSManagedRulesWordPressRuleSet": (),
}
_VENDOR = "AWS"
_PREFIX = "AWSManagedRules"


def managed_rule(name: str, *, inspect_bodies: bool) -> wafv2.CfnWebACL.RuleProperty:
    """Return a rule that applies a managed rule group; without bodies, what judges them counts instead of blocking."""
    counts = wafv2.CfnWebACL.RuleActionProperty(count={})
    overrides = [
        wafv2.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=counts) for rule in BODY_RULES[name]
    ]
    group = wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name=_VENDOR, name=name, rule_action_overrides=None if inspect_bodies or not overrides else overrides
    )
    short = name.removeprefix(_PREFIX)
    return wafv2.CfnWebACL.RuleProperty(
        name=short,
        priority=0,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(managed_rule_group_statement=group),
        visibility_config=visibility(short),
    )


def country_rule(allowed: Sequence[str], blocked: Sequence[str]) -> list[wafv2.CfnWebACL.RuleProperty]:
    """Return the rule that blocks requests by country, or nothing when none is named."""
    codes = list(allowed or blocked)
    if not codes:
        return []
    statement = wafv2.CfnWebACL.StatementProperty(
        geo_match_statement=wafv2.CfnWebACL.GeoMatchStatementProperty(country_codes=codes)
    )
    if allowed:
        other = wafv2.CfnWebACL.NotStatementProperty(statement=statement)
        statement = wafv2.CfnWebACL.StatementProperty(not_statement=other)
    return [
        wafv2.CfnWebACL.RuleProperty(
            name="Countries",
            priority=0,
            action=wafv2.CfnWebACL.RuleActionProperty(block={}),
            statement=statement,
            visibility_config=visibility("Countries"),
        )
    ]
