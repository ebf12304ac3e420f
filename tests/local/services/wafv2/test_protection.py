"""WAF: distributions, user pools and stages that a web ACL protects."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.local.resources import rest_api
from tests.local.services.cognito.pools import pool, sign_in, sign_up
from tests.local.services.wafv2.acls import (
    FORWARDED,
    VISIBILITY,
    association,
    distribution,
    is_,
    rate,
    rule,
    web_acl,
)

TOKYO = "ap-northeast-1"
FIRST = {"Position": "FIRST"}
LIMIT = 10
"""The smallest that AWS takes."""


@pytest.fixture(scope="module")
def origin() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_arguments: Any) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def get(cloud: LocalCloud, stacks: Any, origin: int) -> Callable[..., httpx.Response]:
    """Ask the distribution, as a client whose address a proxy has named."""
    ip_set_arn = {"Fn::GetAtt": ["Banned", "Arn"]}
    by_address = {"IPSetReferenceStatement": {"Arn": ip_set_arn, "IPSetForwardedIPConfig": {**FORWARDED, **FIRST}}}
    later = [{"Name": "Retry-After", "Value": "600"}]
    custom = {"ResponseCode": 429, "CustomResponseBodyKey": "slow", "ResponseHeaders": later}
    acl = web_acl(
        rule("Counted", 0, is_("/", {"UriPath": {}}, "STARTS_WITH"), Count={}),
        rule("Health", 1, is_("/health", {"UriPath": {}}), Allow={}),
        rule("Banned", 2, by_address),
        {
            "Name": "Group",
            "Priority": 3,
            "Statement": {"RuleGroupReferenceStatement": {"Arn": {"Fn::GetAtt": ["Group", "Arn"]}}},
            "OverrideAction": {"None": {}},
            "VisibilityConfig": VISIBILITY,
        },
        rule("Rate", 4, rate(LIMIT, by="FORWARDED_IP"), Block={"CustomResponse": custom}),
        scope="CLOUDFRONT",
        CustomResponseBodies={"slow": {"ContentType": "APPLICATION_JSON", "Content": '{"error":"slow down"}'}},
    )
    ip_set = {"Scope": "CLOUDFRONT", "IPAddressVersion": "IPV4", "Addresses": ["192.0.2.0/24"]}
    group = {"Scope": "CLOUDFRONT", "Capacity": 10, "VisibilityConfig": VISIBILITY}
    group["Rules"] = [rule("Admin", 0, is_("/admin", {"UriPath": {}}, "STARTS_WITH", "LOWERCASE"))]
    outputs = stacks.deploy(
        {
            "Resources": {
                "Banned": {"Type": "AWS::WAFv2::IPSet", "Properties": ip_set},
                "Group": {"Type": "AWS::WAFv2::RuleGroup", "Properties": group},
                "Acl": acl,
                "Distribution": distribution(origin),
            },
            "Outputs": {"Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}}},
        }
    )

    def ask(path: str, address: str) -> httpx.Response:
        return httpx.get(f"{cloud.distribution_url(outputs['Domain'])}{path}", headers={"X-Forwarded-For": address})

    return ask


def test_a_distribution_refuses_addresses_and_paths(get: Callable[..., httpx.Response]) -> None:
    assert get("/", "203.0.113.1").text == "ok"
    banned = get("/", "192.0.2.9")
    assert (banned.status_code, "Request blocked" in banned.text) == (403, True)
    assert get("/ADMIN/users", "203.0.113.1").status_code == 403
    # An earlier rule allowed it, so that later ones are not asked.
    assert get("/health", "192.0.2.9").text == "ok"


def test_a_rate_is_counted_by_address_and_answered_as_the_rule_says(get: Callable[..., httpx.Response]) -> None:
    assert [get("/", "203.0.113.2").status_code for _ in range(LIMIT)] == [200] * LIMIT
    refused = get("/", "203.0.113.2")
    assert (refused.status_code, refused.json()) == (429, {"error": "slow down"})
    assert (refused.headers["retry-after"], refused.headers["content-type"]) == ("600", "application/json")
    assert get("/", "203.0.113.3").status_code == 200
    assert get("/health", "203.0.113.2").status_code == 200


def test_what_is_blocked_is_counted_and_logged_without_what_is_redacted(
    cloud: LocalCloud, stacks: Any, origin: int, total: Callable[..., float | None]
) -> None:
    group = "aws-waf-logs-conformance"
    managed = {"VendorName": "AWS", "Name": "AWSManagedRulesKnownBadInputsRuleSet"}
    inputs = rule("Inputs", 0, {"ManagedRuleGroupStatement": managed})
    del inputs["Action"]
    acl = web_acl(inputs | {"OverrideAction": {"None": {}}}, scope="CLOUDFRONT")
    acl["Properties"]["VisibilityConfig"] = {**VISIBILITY, "MetricName": "firewall"}
    kept = {"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}]}
    logging = {
        "ResourceArn": {"Fn::GetAtt": ["Acl", "Arn"]},
        "LogDestinationConfigs": [{"Fn::Sub": f"arn:aws:logs:us-east-1:${{AWS::AccountId}}:log-group:{group}"}],
        "RedactedFields": [{"SingleHeader": {"Name": "Authorization"}}, {"QueryString": {}}],
        "LoggingFilter": {"DefaultBehavior": "DROP", "Filters": [kept]},
    }
    domain = stacks.deploy(
        {
            "Resources": {
                "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": group}},
                "Acl": acl,
                "Logging": {
                    "Type": "AWS::WAFv2::LoggingConfiguration",
                    "Properties": logging,
                    "DependsOn": "Group",
                },
                "Distribution": distribution(origin),
            },
            "Outputs": {"Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}}},
        }
    )["Domain"]
    url = cloud.distribution_url(domain)
    secret = {"Authorization": "Bearer secret"}
    assert httpx.get(f"{url}/?a=fine", headers=secret).status_code == 200
    assert httpx.get(f"{url}/?a=${{jndi:x}}", headers=secret).status_code == 403
    events = cloud.client("logs", "us-east-1").filter_log_events(logGroupName=group)["events"]
    (entry,) = [json.loads(event["message"]) for event in events]
    assert (entry["action"], entry["terminatingRuleId"]) == ("BLOCK", "Inputs")
    assert entry["httpRequest"]["args"] == "REDACTED"
    assert "secret" not in json.dumps(entry)
    for metric in ("AllowedRequests", "BlockedRequests"):
        assert total("AWS/WAFV2", metric, WebACL="firewall", Rule="ALL") == 1, metric


def test_the_public_api_of_a_user_pool_has_a_rate(cloud: LocalCloud, stacks: Any) -> None:
    cognito = cloud.client("cognito-idp", region=TOKYO)
    template = pool()
    renewal = is_("GetTokensFromRefreshToken", {"SingleHeader": {"Name": "x-amzn-cognito-operation-name"}})
    scope = {"NotStatement": {"Statement": renewal}}
    template["Resources"] |= {
        "Acl": web_acl(rule("Rate", 0, rate(LIMIT, scope=scope))),
        "Protection": association({"Fn::GetAtt": ["Pool", "Arn"]}),
    }
    guarded, open_ = stacks.deploy(template, region=TOKYO), stacks.deploy(pool(), region=TOKYO)
    for each in (guarded, open_):
        sign_up(cognito, each, "ann@example.com")
    token = sign_in(cognito, guarded, "ann@example.com")["RefreshToken"]

    def forget(each: dict[str, str]) -> None:
        cognito.forgot_password(ClientId=each["Client"], Username="ann@example.com")

    for _ in range(LIMIT - 2):  # it has signed up and in
        forget(guarded)
    with pytest.raises(cognito.exceptions.ForbiddenException, match="WAF") as refused:
        forget(guarded)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(cognito.exceptions.ForbiddenException):
        sign_in(cognito, guarded, "ann@example.com")
    # What the rule leaves out, what administrators sign, and other pools are not limited.
    assert cognito.get_tokens_from_refresh_token(ClientId=guarded["Client"], RefreshToken=token)
    assert cognito.admin_get_user(UserPoolId=guarded["Pool"], Username="ann@example.com")
    forget(open_)


def test_a_stage_of_a_rest_api_is_protected_until_it_is_no_longer_associated(cloud: LocalCloud, stacks: Any) -> None:
    name = "conformance-waf-stage"
    arn = {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Stage}"}
    template: dict[str, Any] = {
        "Resources": {
            **rest_api(),
            "Acl": web_acl(rule("Admin", 0, is_("/live/admin", {"UriPath": {}}, "STARTS_WITH"))),
            "Protection": association(arn),
        },
        "Outputs": {"Api": {"Value": {"Ref": "Api"}}},
    }
    api = stacks.deploy(template, region=TOKYO, name=name)["Api"]

    def status(path: str) -> int:
        return httpx.get(f"{cloud.endpoint}/_aws/execute-api/{api}/live{path}").status_code

    assert [status("/carts"), status("/admin")] == [200, 403]
    del template["Resources"]["Protection"]
    stacks.deploy(template, region=TOKYO, name=name)
    assert status("/admin") == 200
