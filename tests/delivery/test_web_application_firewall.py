"""What WebApplicationFirewall promises in its templates, and what it does on the embedded cloud."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_sns as sns
from syrupy.assertion import SnapshotAssertion

from cdp_constructs import InvalidOptionError, SignInUserPool, WebApplicationFirewall
from cdp_constructs.local import Deployment, LocalCloud
from cdp_constructs.local.places import address_in
from cdp_constructs.testing import Synthesis, architecture
from docs.examples.web_application_firewall import build as example

TOKYO = "ap-northeast-1"
RENEWAL = "GetTokensFromRefreshToken"


@architecture
def defaults(stack: Stack) -> WebApplicationFirewall:
    return WebApplicationFirewall(stack, "Firewall")


@architecture
def all_options(stack: Stack) -> WebApplicationFirewall:
    return WebApplicationFirewall(
        stack,
        "Firewall",
        managed_rule_groups=["AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet"],
        inspect_bodies=False,
        rate_limit=500,
        blocked_countries=["AQ"],
        alarm_topic=sns.Topic(stack, "Alarms", enforce_ssl=True),
        removal_policy=RemovalPolicy.DESTROY,
    )


@architecture
def around_a_user_pool(app: App) -> SignInUserPool:
    stack = Stack(app, "FirewallUsers", env=Environment(region=TOKYO))
    users = SignInUserPool(
        stack, "Users", auth_flows=cognito.AuthFlow(user_password=True), removal_policy=RemovalPolicy.DESTROY
    )
    # Named like the web ACL that the pool makes of its own, so that one takes the place of the other.
    firewall = WebApplicationFirewall(
        users, "WebAcl", web_acl_scope="REGIONAL", rate_limit=10, unlimited_operations=[RENEWAL]
    )
    users.attach_web_acl(firewall.web_acl_arn)
    CfnOutput(stack, "Client", value=users.user_pool_client.user_pool_client_id)
    return users


@architecture
def limited_by_the_pool_itself(stack: Stack) -> SignInUserPool:
    return SignInUserPool(stack, "Users", rate_limit=10)


@architecture
def inside_a_stage(app: App) -> WebApplicationFirewall:
    return defaults(Stack(Stage(app, "WebApplicationFirewallStage"), "Service"))


@architecture
def driven(stack: Stack) -> WebApplicationFirewall:
    firewall = example(stack)
    CfnOutput(stack, "Domain", value=stack.node.find_child("Site").domain_name)  # type: ignore[attr-defined]
    CfnOutput(stack, "Log", value=firewall.log_group.log_group_name)
    return firewall


architecture(example)
BUILDS = [defaults, all_options, around_a_user_pool, inside_a_stage, example]


def rules(synthesis: Synthesis, build: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    (acl,) = synthesis(build).resources("AWS::WAFv2::WebACL").values()
    return {rule["Name"]: rule for rule in acl["Properties"]["Rules"]}


@pytest.mark.parametrize("build", [defaults, all_options], ids=lambda build: build.__name__)
def test_template_is_reviewed(
    build: Callable[..., Any], synthesis: Synthesis, template_snapshot: SnapshotAssertion
) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options], ids=lambda build: build.__name__)
def test_card(build: Callable[..., Any], synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(WebApplicationFirewall, synthesis(example))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_no_open_finding(build: Callable[..., Any], synthesis: Synthesis) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_rules_run_from_the_cheapest_to_the_dearest(synthesis: Synthesis) -> None:
    found = rules(synthesis, all_options)
    assert list(found) == ["Countries", "RateLimit", "CommonRuleSet", "SQLiRuleSet"]
    assert [rule["Priority"] for rule in found.values()] == [0, 1, 2, 3]
    assert found["RateLimit"]["Statement"]["RateBasedStatement"]["Limit"] == 500
    assert found["RateLimit"]["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429


def test_without_bodies_what_judges_them_counts_and_the_rest_blocks(synthesis: Synthesis) -> None:
    def overrides(build: Callable[..., Any]) -> dict[str, Any]:
        group = rules(synthesis, build)["CommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
        return {one["Name"]: one["ActionToUse"] for one in group.get("RuleActionOverrides", [])}

    assert overrides(defaults) == {}
    counted = overrides(all_options)
    assert "SizeRestrictions_BODY" in counted
    assert all(name.endswith("_BODY") and action == {"Count": {}} for name, action in counted.items())


def test_the_log_keeps_what_was_blocked_and_no_secret(synthesis: Synthesis) -> None:
    (log,) = synthesis(defaults).resources("AWS::Logs::LogGroup").values()
    assert log["Properties"]["LogGroupName"].startswith("aws-waf-logs-")
    (logging,) = synthesis(defaults).resources("AWS::WAFv2::LoggingConfiguration").values()
    properties = logging["Properties"]
    # AWS WAF takes the ARN of the group, without the ":*" of its streams.
    assert not json.dumps(properties["LogDestinationConfigs"]).endswith(':*"]]}]')
    assert properties["LoggingFilter"]["DefaultBehavior"] == "DROP"
    assert properties["RedactedFields"] == [
        {"SingleHeader": {"Name": "authorization"}},
        {"SingleHeader": {"Name": "cookie"}},
        {"QueryString": {}},
    ]
    (acl,) = synthesis(defaults).resources("AWS::WAFv2::WebACL").values()
    assert acl["Properties"]["VisibilityConfig"]["SampledRequestsEnabled"] is False


def test_an_alarm_watches_the_metric_that_aws_waf_publishes(synthesis: Synthesis) -> None:
    (alarm,) = synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()
    (acl,) = synthesis(all_options).resources("AWS::WAFv2::WebACL").values()
    name = acl["Properties"]["VisibilityConfig"]["MetricName"]
    dimensions = {one["Name"]: one["Value"] for one in alarm["Properties"]["Dimensions"]}
    assert dimensions == {"WebACL": name, "Rule": "ALL"}
    assert synthesis(defaults).resources("AWS::CloudWatch::Alarm") == {}


def test_a_firewall_takes_the_place_of_a_pools_own_web_acl(synthesis: Synthesis) -> None:
    def ids(build: Callable[..., Any], kind: str) -> set[str]:
        return set(synthesis(build).resources(f"AWS::WAFv2::{kind}"))

    for kind in ("WebACL", "WebACLAssociation"):
        assert ids(around_a_user_pool, kind) == ids(limited_by_the_pool_itself, kind)
    rate = rules(synthesis, around_a_user_pool)["RateLimit"]
    # Cognito answers in its own words.
    assert rate["Action"] == {"Block": {}}
    assert RENEWAL in json.dumps(rate["Statement"]["RateBasedStatement"]["ScopeDownStatement"])


FIFTY_ONE = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
    CD CF CG CH CI CK CL CM CN CO CR CU
""".split()  # noqa: SIM905 - shorter than a list


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"managed_rule_groups": ["AWSManagedRulesCommonRuleset"]}, "Use AWSManagedRulesCommonRuleSet; for a paid"),
        ({"managed_rule_groups": ["AWSManagedRulesBotControlRuleSet"]}, "contains 'AWSManagedRulesBotControlRuleSet'"),
        ({"managed_rule_groups": ["AWSManagedRulesPHPRuleSet"] * 2}, "twice. Name each group once"),
        ({"allowed_countries": ["JP"], "blocked_countries": ["US"]}, "given together with blocked_countries"),
        ({"allowed_countries": ["Japan"]}, "allowed_countries contains 'Japan'. Use codes of countries of ISO 3166"),
        ({"blocked_countries": FIFTY_ONE}, "blocked_countries has 51 codes. Use at most 50"),
        ({"rate_limit": 9}, "rate_limit is 9 requests. Use 10 to 2,000,000,000"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        WebApplicationFirewall(Stack(), "Firewall", **options)


def test_a_web_acl_is_made_where_it_can_be_attached() -> None:
    stack = Stack(App(), "Tokyo", env=Environment(region=TOKYO))
    with pytest.raises(InvalidOptionError, match=r"is 'CLOUDFRONT' in a stack of ap-northeast-1.* or give REGIONAL"):
        WebApplicationFirewall(stack, "Firewall")


def test_a_pool_has_one_web_acl_of_its_region() -> None:
    users = SignInUserPool(Stack(), "Users")
    regional = "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/shop/0a"
    with pytest.raises(InvalidOptionError, match="with scope REGIONAL"):
        users.attach_web_acl(regional.replace("regional", "global"))
    users.attach_web_acl(regional)
    with pytest.raises(InvalidOptionError, match="a second web ACL"):
        users.attach_web_acl(regional)


# --- On the embedded cloud -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outputs(deployed: Callable[[Callable[..., Any]], Deployment]) -> dict[str, str]:
    (found,) = deployed(driven).outputs.values()
    return dict(found)


def test_a_site_refuses_what_the_rules_know_and_other_countries(
    outputs: dict[str, str], local_cloud: LocalCloud
) -> None:
    url = local_cloud.distribution_url(outputs["Domain"])
    before = len(logged(local_cloud, outputs["Log"]))
    assert httpx.get(f"{url}/").status_code == 200
    attack = {"file": "../../etc/passwd", "token": "secret"}
    assert httpx.get(f"{url}/", params=attack, headers={"Cookie": "session=secret"}).status_code == 403
    # By its address, which stands for one near Frankfurt.
    with httpx.Client(transport=httpx.HTTPTransport(local_address=elsewhere("eu-central-1"))) as german:
        assert german.get(f"{url}/").status_code == 403
    with httpx.Client(transport=httpx.HTTPTransport(local_address=elsewhere(TOKYO))) as japanese:
        assert japanese.get(f"{url}/").status_code == 200
    entries = logged(local_cloud, outputs["Log"])[before:]
    assert [entry["terminatingRuleId"] for entry in entries] == ["CommonRuleSet", "Countries"]
    assert "secret" not in json.dumps(entries)


def logged(cloud: LocalCloud, group: str) -> list[dict[str, Any]]:
    events = cloud.client("logs", "us-east-1").filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in events]


def elsewhere(place: str) -> str:
    return address_in(place).replace("198.18.", "127.18.")


def test_who_asks_too_often_is_told_to_wait(outputs: dict[str, str], local_cloud: LocalCloud) -> None:
    url = local_cloud.distribution_url(outputs["Domain"])
    with httpx.Client(transport=httpx.HTTPTransport(local_address=elsewhere("us-west-2"))) as client:
        assert {client.get(f"{url}/").status_code for _ in range(100)} == {200}
        refused = client.get(f"{url}/")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    # Only who asked.
    assert httpx.get(f"{url}/").status_code == 200


def test_sign_ins_are_limited_and_renewals_are_not(
    deployed: Callable[[Callable[..., Any]], Deployment], local_cloud: LocalCloud
) -> None:
    (found,) = deployed(around_a_user_pool).outputs.values()
    pool = local_cloud.client("cognito-idp", region=TOKYO)
    for _ in range(10):
        pool.forgot_password(ClientId=found["Client"], Username="nobody@example.com")
    with pytest.raises(pool.exceptions.ForbiddenException):
        pool.forgot_password(ClientId=found["Client"], Username="nobody@example.com")
    # Refused by the pool itself, for the token.
    with pytest.raises(pool.exceptions.NotAuthorizedException):
        pool.get_tokens_from_refresh_token(ClientId=found["Client"], RefreshToken="made up")
