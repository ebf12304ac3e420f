"""WAF: sets that rules refer to, and the association of a web ACL."""

import copy
from typing import Any

import pytest

from cdp_constructs.local import LocalCloud

VISIBILITY = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "metric"}
GUARDED = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/guarded/1"
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Blocked": {
            "Type": "AWS::WAFv2::IPSet",
            "Properties": {"Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": ["192.0.2.0/24"]},
        },
        "Patterns": {
            "Type": "AWS::WAFv2::RegexPatternSet",
            "Properties": {"Scope": "REGIONAL", "RegularExpressionList": ["^bot"]},
        },
        "Rules": {
            "Type": "AWS::WAFv2::RuleGroup",
            "Properties": {"Scope": "REGIONAL", "Capacity": 10, "VisibilityConfig": VISIBILITY},
        },
        "Acl": {
            "Type": "AWS::WAFv2::WebACL",
            "Properties": {"Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": VISIBILITY},
        },
        "Guard": {
            "Type": "AWS::WAFv2::WebACLAssociation",
            "Properties": {"ResourceArn": GUARDED, "WebACLArn": {"Fn::GetAtt": ["Acl", "Arn"]}},
        },
    },
    "Outputs": {
        "Blocked": {"Value": {"Ref": "Blocked"}},
        "BlockedArn": {"Value": {"Fn::GetAtt": ["Blocked", "Arn"]}},
        "AclArn": {"Value": {"Fn::GetAtt": ["Acl", "Arn"]}},
        "RulesArn": {"Value": {"Fn::GetAtt": ["Rules", "Arn"]}},
    },
}


def test_sets_are_made_changed_in_place_and_deleted(cloud: LocalCloud, stacks: Any) -> None:
    waf = cloud.client("wafv2")
    outputs = stacks.deploy(TEMPLATE, name="waf")
    name, set_id, scope = outputs["Blocked"].split("|")
    found = waf.get_ip_set(Name=name, Id=set_id, Scope=scope)["IPSet"]
    assert (found["ARN"], found["Addresses"]) == (outputs["BlockedArn"], ["192.0.2.0/24"])
    assert ":regional/rulegroup/" in outputs["RulesArn"]
    assert waf.get_web_acl_for_resource(ResourceArn=GUARDED)["WebACL"]["ARN"] == outputs["AclArn"]

    changed = copy.deepcopy(TEMPLATE)
    changed["Resources"]["Blocked"]["Properties"]["Addresses"] = ["198.51.100.0/24"]
    assert stacks.deploy(changed, name="waf") == outputs
    assert waf.get_ip_set(Name=name, Id=set_id, Scope=scope)["IPSet"]["Addresses"] == ["198.51.100.0/24"]

    stacks.delete("waf")
    assert not waf.list_ip_sets(Scope="REGIONAL")["IPSets"]
    assert not waf.list_regex_pattern_sets(Scope="REGIONAL")["RegexPatternSets"]
    assert not waf.list_rule_groups(Scope="REGIONAL")["RuleGroups"]
    with pytest.raises(waf.exceptions.WAFNonexistentItemException):
        waf.get_web_acl_for_resource(ResourceArn=GUARDED)
