"""What the templates of PrivateCacheDistribution promise."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Duration, Environment, RemovalPolicy, Stack, Stage
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match

from cdp_constructs import InvalidOptionError, PrivateCacheDistribution, use_access_log_bucket
from cdp_constructs.testing import Synthesis, architecture
from docs.examples import private_cache_distribution as example

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-000000000000"
WEB_ACL = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/edge/0a1b2c3d-0000-4000-8000-000000000000"


@architecture
def defaults(stack: Stack) -> PrivateCacheDistribution:
    return PrivateCacheDistribution(stack, "Files")


@architecture
def all_options(stack: Stack) -> PrivateCacheDistribution:
    files = PrivateCacheDistribution(
        stack,
        "Files",
        origin_path="/accepted",
        domain_names=["files.example.com", "dl.example.com"],
        certificate=acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE),
        remove_headers=["x-amz-meta-owner"],
        user_prefix="{sub}/shared/",
        rotate_every=Duration.days(30),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Operations", "arn:aws:sns:us-east-1:111122223333:operations"),
    )
    files.attach_web_acl(WEB_ACL)
    return files


@architecture(env=Environment(account="111122223333", region="ap-northeast-1"))
def imported_by_arn(stack: Stack) -> PrivateCacheDistribution:
    bucket = s3.Bucket.from_bucket_arn(stack, "Bucket", "arn:aws:s3:::existing")
    files = PrivateCacheDistribution(stack, "Files", bucket=bucket, origin_path="/accepted")
    CfnOutput(stack, "Statement", value=stack.to_json_string(files.origin_access_statements[0].to_statement_json()))
    return files


@architecture
def a_bucket_of_the_stack(stack: Stack) -> PrivateCacheDistribution:
    bucket = s3.CfnBucket(stack, "Theirs")
    return PrivateCacheDistribution(stack, "Files", bucket=s3.Bucket.from_cfn_bucket(bucket))


@architecture
def logs_to_a_brought_bucket(stack: Stack) -> PrivateCacheDistribution:
    use_access_log_bucket(stack, s3.Bucket.from_bucket_name(stack, "Logs", "central-logs"))
    return PrivateCacheDistribution(stack, "Files")


@architecture
def an_encrypted_bucket(stack: Stack) -> PrivateCacheDistribution:
    bucket = s3.Bucket(stack, "Theirs", encryption_key=kms.Key(stack, "Key"))
    return PrivateCacheDistribution(stack, "Files", bucket=bucket)


@architecture
def two_in_one_stack(stack: Stack) -> None:
    PrivateCacheDistribution(stack, "Photos")
    PrivateCacheDistribution(stack, "Invoices")


@architecture
def inside_a_stage(app: App) -> None:
    stage = Stage(app, "PrivateCacheProd")
    PrivateCacheDistribution(Stack(stage, "Delivery"), "Files")


@architecture
def granted(stack: Stack) -> PrivateCacheDistribution:
    files = PrivateCacheDistribution(stack, "Files")
    files.grant_sign(iam.Role(stack, "Signer", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))
    return files


@architecture
def ten_lines(stack: Stack) -> PrivateCacheDistribution:
    return example.build(stack)


def distribution(of: Any) -> dict[str, Any]:
    (resource,) = of.resources("AWS::CloudFront::Distribution").values()
    config: dict[str, Any] = resource["Properties"]["DistributionConfig"]
    return config


def statements(of: Any, kind: str = "AWS::IAM::Policy") -> list[dict[str, Any]]:
    return [
        statement
        for policy in of.resources(kind).values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


# --- Snapshots and findings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [defaults, all_options, imported_by_arn])
def test_template(build: Any, synthesis: Synthesis, template_snapshot: Any) -> None:
    assert synthesis(build).normalised == template_snapshot


@pytest.mark.parametrize("build", [defaults, all_options, imported_by_arn])
def test_card(build: Any, synthesis: Synthesis, card_snapshot: Any) -> None:
    assert synthesis(build).card == card_snapshot


def test_page(synthesis: Synthesis, assert_page: Callable[..., None]) -> None:
    assert_page(PrivateCacheDistribution, synthesis(ten_lines))


@pytest.mark.parametrize("build", [defaults, all_options, imported_by_arn, two_in_one_stack, inside_a_stage, granted])
def test_no_finding_is_open(build: Any, synthesis: Synthesis) -> None:
    # The bucket of the user's own stack is not ours to judge.
    findings = [
        finding for finding in synthesis(build).findings("AwsSolutions", "Serverless") if "/Theirs" not in finding
    ]
    assert findings == []


# --- The distribution ------------------------------------------------------------------------------------------------


def test_only_signed_https_reads_are_served(synthesis: Synthesis) -> None:
    behavior = distribution(synthesis(defaults))["DefaultCacheBehavior"]
    (keys,) = synthesis(defaults).resources("Custom::CloudFrontSigningKeys")
    assert behavior["TrustedKeyGroups"] == [{"Ref": keys}]
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert behavior["AllowedMethods"] == ["GET", "HEAD"]
    assert behavior["Compress"] is True
    # The managed policy CachingOptimized: neither cookies nor the query string are part of the cache key.
    assert behavior["CachePolicyId"] == "658327ea-f89d-4fab-a63d-7e88639e58f6"


def test_http_3_logs_and_ipv6_are_on(synthesis: Synthesis) -> None:
    config = distribution(synthesis(defaults))
    assert config["HttpVersion"] == "http2and3"
    assert config["IPV6Enabled"] is True
    (log_bucket,) = (name for name in synthesis(defaults).resources("AWS::S3::Bucket") if name.startswith("AccessLogs"))
    assert config["Logging"]["Bucket"] == {"Fn::GetAtt": [log_bucket, "RegionalDomainName"]}


def test_logs_go_to_the_bucket_that_the_stack_was_given(synthesis: Synthesis) -> None:
    existing = synthesis(logs_to_a_brought_bucket)
    assert "central-logs" in str(distribution(existing)["Logging"]["Bucket"])
    assert len(existing.resources("AWS::S3::Bucket")) == 1, "only the bucket that is served"
    assert existing.findings("AwsSolutions", "Serverless") == []


def test_every_answer_has_security_headers(synthesis: Synthesis) -> None:
    synthesis(defaults).template.has_resource_properties(
        "AWS::CloudFront::ResponseHeadersPolicy",
        {
            "ResponseHeadersPolicyConfig": {
                "SecurityHeadersConfig": {
                    "StrictTransportSecurity": {"AccessControlMaxAgeSec": 31536000, "Override": True},
                    "ContentTypeOptions": {"Override": True},
                    "FrameOptions": {"FrameOption": "DENY", "Override": True},
                    "ReferrerPolicy": {"ReferrerPolicy": "no-referrer", "Override": True},
                    "ContentSecurityPolicy": {
                        "ContentSecurityPolicy": Match.string_like_regexp("default-src 'none'.*sandbox"),
                        "Override": True,
                    },
                }
            }
        },
    )


def test_only_this_distribution_reads_the_bucket(synthesis: Synthesis) -> None:
    bucket_policies = [
        statement
        for statement in statements(synthesis(defaults), "AWS::S3::BucketPolicy")
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    ]
    (distribution_id,) = synthesis(defaults).resources("AWS::CloudFront::Distribution")
    assert [statement["Action"] for statement in bucket_policies] == ["s3:GetObject"]
    arn = bucket_policies[0]["Condition"]["StringEquals"]["AWS:SourceArn"]
    assert arn["Fn::Join"][1][-2:] == [":distribution/", {"Ref": distribution_id}]
    (origin,) = distribution(synthesis(defaults))["Origins"]
    (access,) = synthesis(defaults).resources("AWS::CloudFront::OriginAccessControl")
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": [access, "Id"]}


def test_an_own_domain_is_served_with_tls_1_2(synthesis: Synthesis) -> None:
    config = distribution(synthesis(all_options))
    assert config["Aliases"] == ["files.example.com", "dl.example.com"]
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": CERTIFICATE,
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    assert config["WebACLId"] == WEB_ACL
    assert config["Origins"][0]["OriginPath"] == "/accepted"


def test_an_imported_bucket_is_left_alone_and_its_owner_gets_the_statement(synthesis: Synthesis) -> None:
    existing = synthesis(imported_by_arn)
    log_bucket_policies = statements(existing, "AWS::S3::BucketPolicy")
    assert all("cloudfront" not in str(statement["Principal"]) for statement in log_bucket_policies)
    document = str(existing.template_json["Outputs"]["Statement"]["Value"])
    (distribution_id,) = existing.resources("AWS::CloudFront::Distribution")
    for part in ("cloudfront.amazonaws.com", "s3:GetObject", "arn:aws:s3:::existing/accepted/*", distribution_id):
        assert part in document


def test_a_bucket_of_the_app_lets_the_distribution_read(synthesis: Synthesis) -> None:
    allowed = statements(synthesis(a_bucket_of_the_stack), "AWS::S3::BucketPolicy")
    assert any(statement["Principal"] == {"Service": "cloudfront.amazonaws.com"} for statement in allowed)


def test_cloudfront_of_this_account_may_decrypt_an_encrypted_bucket(synthesis: Synthesis) -> None:
    (key,) = synthesis(an_encrypted_bucket).resources("AWS::KMS::Key").values()
    (statement,) = (
        item
        for item in key["Properties"]["KeyPolicy"]["Statement"]
        if item["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    )
    assert statement["Action"] == "kms:Decrypt"
    assert {"Ref": "AWS::AccountId"} in statement["Condition"]["ArnLike"]["AWS:SourceArn"]["Fn::Join"][1]


# --- Keys ------------------------------------------------------------------------------------------------------------


def test_the_private_key_is_in_no_template(synthesis: Synthesis) -> None:
    template = str(synthesis(defaults).template_json)
    assert "PRIVATE KEY" not in template
    # CloudFormation makes neither key nor key group, so a deployment cannot put back what a rotation replaced.
    assert not synthesis(defaults).resources("AWS::CloudFront::PublicKey")
    assert not synthesis(defaults).resources("AWS::CloudFront::KeyGroup")


@pytest.mark.parametrize(("build", "days"), [(defaults, 90), (all_options, 30)])
def test_the_key_rotates(build: Any, days: int, synthesis: Synthesis) -> None:
    synthesis(build).template.has_resource_properties(
        "AWS::SecretsManager::RotationSchedule",
        # The key is hours old at most when the schedule is made.
        {"RotationRules": {"AutomaticallyAfterDays": days}, "RotateImmediatelyOnUpdate": False},
    )


def test_the_permissions_are_there_before_the_first_key(synthesis: Synthesis) -> None:
    (keys,) = synthesis(defaults).resources("Custom::CloudFrontSigningKeys").values()
    (policy,) = (name for name in synthesis(defaults).resources("AWS::IAM::Policy") if "KeyManagement" in name)
    assert policy in keys["DependsOn"]


def test_only_secrets_manager_of_this_account_may_call_the_rotation(synthesis: Synthesis) -> None:
    (permission,) = synthesis(defaults).resources("AWS::Lambda::Permission").values()
    assert permission["Properties"]["Principal"] == "secretsmanager.amazonaws.com"
    assert permission["Properties"]["SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_every_star_is_where_iam_has_no_resources(synthesis: Synthesis) -> None:
    granted_statements = [
        statement
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for statement in statements(synthesis(granted), kind)
    ]
    starred = [statement for statement in granted_statements if statement["Resource"] == "*"]
    actions = {action.partition(":")[0] for statement in starred for action in statement["Action"]}
    assert actions == {"xray", "cloudfront"}
    (keys,) = (item for item in starred if item["Action"][0].startswith("cloudfront"))
    assert all("Key" in action for action in keys["Action"]), "only public keys and key groups"


def test_signers_read_this_secret_and_nothing_else(synthesis: Synthesis) -> None:
    (secret,) = synthesis(granted).resources("AWS::SecretsManager::Secret")
    for role in ("Signer", "FilesSigningFunctionRoleDefault"):
        (policy,) = (
            value for name, value in synthesis(granted).resources("AWS::IAM::Policy").items() if name.startswith(role)
        )
        on_secrets = [
            statement
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if "secretsmanager" in str(statement["Action"])
        ]
        assert on_secrets == [
            {
                "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
                "Effect": "Allow",
                "Resource": {"Ref": secret},
            }
        ]


# --- The signing function and alarms ---------------------------------------------------------------------------------


def environment(of: Any) -> dict[str, Any]:
    (function,) = (value for name, value in of.resources("AWS::Lambda::Function").items() if "SigningFunction" in name)
    variables: dict[str, Any] = function["Properties"]["Environment"]["Variables"]
    return variables


def test_users_see_what_is_under_their_subject(synthesis: Synthesis) -> None:
    variables = environment(synthesis(defaults))
    assert variables["USER_PREFIX"] == "{sub}/"
    assert "COOKIE_DOMAIN" not in variables, "cookies for cloudfront.net are impossible"
    (distribution_id,) = synthesis(defaults).resources("AWS::CloudFront::Distribution")
    assert variables["DOMAIN_NAME"] == {"Fn::GetAtt": [distribution_id, "DomainName"]}


def test_an_own_domain_is_what_is_signed_and_gets_cookies(synthesis: Synthesis) -> None:
    variables = environment(synthesis(all_options))
    assert variables["DOMAIN_NAME"] == "files.example.com"
    assert variables["COOKIE_DOMAIN"] == "example.com"
    assert variables["USER_PREFIX"] == "{sub}/shared/"


def test_failures_raise_alarms_when_somebody_listens(synthesis: Synthesis) -> None:
    alarms = synthesis(all_options).resources("AWS::CloudWatch::Alarm").values()
    assert {alarm["Properties"]["MetricName"] for alarm in alarms} == {"Errors"}
    assert len(alarms) == 2
    assert all(alarm["Properties"]["AlarmActions"] for alarm in alarms)
    assert not synthesis(defaults).resources("AWS::CloudWatch::Alarm")


def test_the_route_needs_a_signed_in_user(synthesis: Synthesis) -> None:
    synthesis(ten_lines).template.has_resource_properties(
        "AWS::ApiGatewayV2::Route", {"RouteKey": "POST /downloads", "AuthorizationType": "JWT"}
    )


# --- What is refused -------------------------------------------------------------------------------------------------


def options(**given: Any) -> PrivateCacheDistribution:
    stack = Stack(App(), "Stack")
    arn = given.pop("certificate_arn", None)
    if arn:
        given["certificate"] = acm.Certificate.from_certificate_arn(stack, "Certificate", arn)
    return PrivateCacheDistribution(stack, "Files", **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"origin_path": "accepted"}, r"origin_path is 'accepted'\. Begin with a slash"),
        ({"origin_path": "/accepted/"}, r"origin_path is '/accepted/'\. Begin with a slash and end without one"),
        ({"domain_names": ["a.example.com"]}, r"domain_names was given without certificate"),
        ({"domain_names": "a.example.com"}, r"domain_names is 'a\.example\.com'\. Give a list"),
        ({"certificate_arn": CERTIFICATE}, r"certificate was given without domain_names"),
        (
            {"certificate_arn": CERTIFICATE.replace("us-east-1", "eu-west-1"), "domain_names": ["a.example.com"]},
            r"certificate is in eu-west-1, but CloudFront takes certificates of us-east-1 only",
        ),
        ({"user_prefix": "/{sub}/"}, r"user_prefix is '/\{sub\}/'"),
        ({"user_prefix": "{sub}"}, r"user_prefix is '\{sub\}'\. Begin without a slash and end with one"),
        ({"user_prefix": "{user}/"}, r"user_prefix is '\{user\}/'"),
        ({"rotate_every": Duration.days(0)}, r"rotate_every is 0 seconds\. Use 1 day to 1,000 days"),
        ({"rotate_every": Duration.days(1001)}, r"rotate_every is 1,001 days\. Use 1 day to 1,000 days"),
        (
            {"rotate_every": Duration.hours(36)},
            r"rotate_every is 36 hours\. .* counted in steps of 1 day",
        ),
    ],
)
def test_options_that_cannot_work_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        options(**given)


def test_a_bucket_of_another_stack_of_the_app_is_refused() -> None:
    app = App()
    bucket = s3.Bucket(Stack(app, "Storage"), "Bucket")
    with pytest.raises(InvalidOptionError, match=r"bucket is made in stack Storage and the distribution in stack Edge"):
        PrivateCacheDistribution(Stack(app, "Edge"), "Files", bucket=bucket)


def test_a_certificate_of_the_stacks_own_region_is_refused_outside_us_east_1() -> None:
    stack = Stack(App(), "Stack", env=Environment(region="ap-northeast-1"))
    certificate = acm.Certificate(stack, "Certificate", domain_name="files.example.com")
    with pytest.raises(InvalidOptionError, match=r"certificate is in ap-northeast-1"):
        PrivateCacheDistribution(stack, "Files", domain_names=["files.example.com"], certificate=certificate)


def test_an_imported_certificate_counts_by_its_arn() -> None:
    stack = Stack(App(), "Stack", env=Environment(region="ap-northeast-1"))
    certificate = acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE)
    files = PrivateCacheDistribution(stack, "Files", domain_names=["files.example.com"], certificate=certificate)
    assert files.domain_name == "files.example.com"


def test_a_certificate_whose_region_is_not_known_yet_is_left_to_aws() -> None:
    stack = Stack(App(), "Stack")
    certificate = acm.Certificate(stack, "Certificate", domain_name="files.example.com")
    files = PrivateCacheDistribution(stack, "Files", domain_names=["files.example.com"], certificate=certificate)
    assert files.domain_name == "files.example.com"


@pytest.mark.parametrize("arn", [WEB_ACL.replace("us-east-1", "eu-west-1"), WEB_ACL.replace(":global/", ":regional/")])
def test_a_web_acl_of_another_scope_is_refused(arn: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"Make the web ACL in us-east-1 with scope CLOUDFRONT"):
        options().attach_web_acl(arn)


# --- Options that every pattern has ----------------------------------------------------------------------------------


@architecture
def short_lived(stack: Stack) -> PrivateCacheDistribution:
    return PrivateCacheDistribution(
        stack,
        "Files",
        domain_names=["files.example.com"],
        certificate=acm.Certificate.from_certificate_arn(stack, "Certificate", CERTIFICATE),
        zone=route53.HostedZone.from_hosted_zone_attributes(
            stack, "Zone", hosted_zone_id="Z0123456789EXAMPLE", zone_name="example.com"
        ),
        content_security_policy={"frame-ancestors": ["https://www.example.com"]},
        log_retention=logs.RetentionDays.ONE_WEEK,
        removal_policy=RemovalPolicy.DESTROY,
    )


def test_bucket_and_logs_go_with_the_stack_when_told_so(synthesis: Synthesis) -> None:
    groups = synthesis(short_lived).resources("AWS::Logs::LogGroup").values()
    assert len(groups) == 2
    assert {(group["DeletionPolicy"], group["Properties"]["RetentionInDays"]) for group in groups} == {("Delete", 7)}
    for build, policy in ((defaults, "Retain"), (short_lived, "Delete")):
        buckets = synthesis(build).resources("AWS::S3::Bucket").items()
        assert [item["DeletionPolicy"] for name, item in buckets if name.startswith("Files")] == [policy]


def test_own_names_get_their_records(synthesis: Synthesis) -> None:
    records = [item["Properties"] for item in synthesis(short_lived).resources("AWS::Route53::RecordSet").values()]
    assert {(record["Name"], record["Type"]) for record in records} == {
        ("files.example.com.", "A"),
        ("files.example.com.", "AAAA"),
    }
    assert synthesis(short_lived).findings("AwsSolutions", "Serverless") == []


def test_sources_are_added_to_the_policy_of_files(synthesis: Synthesis) -> None:
    def policy(build: Any) -> str:
        (headers,) = synthesis(build).resources("AWS::CloudFront::ResponseHeadersPolicy").values()
        config = headers["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
        return str(config["ContentSecurityPolicy"]["ContentSecurityPolicy"])

    default = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
    assert policy(defaults) == default
    assert policy(short_lived) == f"{default}; frame-ancestors https://www.example.com"


def test_viewers_do_not_get_the_headers_that_are_removed(synthesis: Synthesis) -> None:
    def removed(build: Any) -> Any:
        (headers,) = synthesis(build).resources("AWS::CloudFront::ResponseHeadersPolicy").values()
        return headers["Properties"]["ResponseHeadersPolicyConfig"].get("RemoveHeadersConfig")

    assert removed(all_options) == {"Items": [{"Header": "x-amz-meta-owner"}]}
    assert removed(defaults) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["x-amz-meta-*"], r"remove_headers contains 'x-amz-meta-\*'\. Name each header in full"),
        (["two words"], r"remove_headers contains 'two words'\. Name each header in full"),
        (["Content-Length"], r"remove_headers contains 'Content-Length'\. Leave it out"),
        (["x-amz-cf-id"], r"remove_headers contains 'x-amz-cf-id'\. Leave it out"),
    ],
)
def test_headers_that_cloudfront_does_not_remove_are_refused(names: Any, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        options(remove_headers=names)


def test_alarms_metrics_and_urls_are_found() -> None:
    files = all_options(Stack(App(), "Virginia", env=Environment(region="us-east-1")))
    assert {alarm.node.id for alarm in files.alarms} == {"RotationAlarm", "SigningAlarm"}
    assert (files.metric_requests().region, files.metric_server_errors().region) == ("us-east-1", "us-east-1")
    assert files.url == "https://files.example.com"


def test_the_route_has_the_authorizer_of_the_api() -> None:
    stack = Stack()
    users = authorizers.HttpJwtAuthorizer("Users", "https://issuer.example.com", jwt_audience=["web"])
    api = apigatewayv2.HttpApi(stack, "Api", default_authorizer=users)
    files = PrivateCacheDistribution(stack, "Files")
    (route,) = files.add_routes(api)
    assert route.path == "/downloads"
    with pytest.raises(InvalidOptionError, match="authorizer is missing, and the API has no default authorizer"):
        files.add_routes(apigatewayv2.HttpApi(stack, "Open"), path="/open")


def test_removal_policy_of_an_existing_bucket_is_refused() -> None:
    stack = Stack()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "existing")
    with pytest.raises(InvalidOptionError, match="removal_policy was given together with bucket"):
        PrivateCacheDistribution(stack, "Files", bucket=bucket, removal_policy=RemovalPolicy.DESTROY)
