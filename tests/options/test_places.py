"""Resources elsewhere: what cannot work is refused, what can is accepted, and what nobody knows has an annotation."""

from collections.abc import Callable

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from cdp_constructs import (
    Aggregation,
    AuthorizedApi,
    BatchLayer,
    CacheDistribution,
    DeviceFleet,
    DirectHosting,
    FanoutNotification,
    InvalidOptionError,
    MultiRegionLatencyRouting,
    Notifications,
    QueueConsumer,
    RealtimeChannels,
    SignInUserPool,
    SnsSqsFanout,
    TokenIssuer,
    TopicRule,
    WebPush,
    use_access_log_bucket,
)

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
REGION, OTHER_REGION = "us-east-1", "eu-west-3"
IN_OTHER_REGION = f"is in {OTHER_REGION}, but the stack is in {REGION}"
IN_OTHER_ACCOUNT = f"is in account {OTHER_ACCOUNT}, but the stack is in account {ACCOUNT}"


@pytest.fixture
def stack(cdk_app: App) -> Stack:
    return Stack(cdk_app, "Shop", env=Environment(account=ACCOUNT, region=REGION))


def other(stack: Stack, *, region: str = OTHER_REGION, account: str = ACCOUNT) -> Stack:
    return Stack(stack.node.root, "Other", env=Environment(account=account, region=region))  # type: ignore[arg-type]


def fleet(stack: Stack) -> DeviceFleet:
    return DeviceFleet(stack, "Fleet", app="shop", contexts=["home"])


def vpc_zone(stack: Stack) -> route53.HostedZone:
    vpc = ec2.Vpc(stack, "Network", max_azs=1, nat_gateways=0)
    return route53.HostedZone(stack, "Zone", zone_name="example.com", vpcs=[vpc])


def private_zone(stack: Stack) -> route53.PrivateHostedZone:
    vpc = ec2.Vpc(stack, "Network", max_azs=1, nat_gateways=0)
    return route53.PrivateHostedZone(stack, "Zone", zone_name="example.com", vpc=vpc)


def certificate(stack: Stack, region: str = REGION) -> acm.ICertificate:
    arn = f"arn:aws:acm:{region}:{ACCOUNT}:certificate/c"
    return acm.Certificate.from_certificate_arn(stack, f"Certificate{region}", arn)


def site(stack: Stack, zone: route53.IHostedZone, region: str = REGION) -> DirectHosting:
    given = certificate(stack, region)
    return DirectHosting(stack, "Site", domain_names=["www.example.com"], certificate=given, zone=zone)


def routing(stack: Stack, zone: route53.IHostedZone, region: str = REGION) -> MultiRegionLatencyRouting:
    api = apigatewayv2.HttpApi(stack, "Api")
    return MultiRegionLatencyRouting(
        stack,
        "Routing",
        zone=zone,
        domain_name="api.example.com",
        api=api,
        certificate=certificate(stack, region),
    )


def imported_zone(stack: Stack) -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(
        stack, "ImportedZone", hosted_zone_id="Z1", zone_name="example.com"
    )


def web_push(stack: Stack) -> object:
    arn = f"arn:aws:lambda:{OTHER_REGION}:{ACCOUNT}:layer:web-push:1"
    layer = lambda_.LayerVersion.from_layer_version_arn(stack, "Layer", arn)
    return Notifications(
        stack,
        "Notices",
        identity=ses.EmailIdentity.from_email_identity_name(stack, "Identity", "example.com"),
        sender="shop@example.com",
        unsubscribe_url="https://www.example.com/unsubscribe",
        web_push=WebPush(layer, contact="mailto:operators@example.com"),
    )


def consumer(stack: Stack) -> object:
    function = lambda_.Function.from_function_attributes(
        stack,
        "Consumer",
        function_arn=f"arn:aws:lambda:{REGION}:{OTHER_ACCOUNT}:function:orders",
        role=lambda_role(stack),
    )
    given = QueueConsumer(function, visibility_timeout=Duration.minutes(1))
    return SnsSqsFanout(stack, "Orders").add_subscriber("Billing", consumer=given)


def lambda_role(stack: Stack) -> iam.IRole:
    return iam.Role.from_role_arn(stack, "Role", f"arn:aws:iam::{OTHER_ACCOUNT}:role/orders")


REFUSED: list[tuple[Callable[[Stack], object], str]] = [
    (
        lambda stack: Aggregation(stack, "Telemetry", fleet=fleet(other(stack)), kind="climate"),
        f"fleet {IN_OTHER_REGION}",
    ),
    (
        lambda stack: FanoutNotification(
            stack, "Alerts", fleet=fleet(stack), fanout=SnsSqsFanout(other(stack), "Orders")
        ),
        f"fanout {IN_OTHER_REGION}",
    ),
    (
        lambda stack: BatchLayer(stack, "Batch", columns={"temperature": "double"}).add_rule(
            TopicRule(other(stack), "Rule", sql="SELECT * FROM 'a/b'", description="Telemetry")
        ),
        f"rule {IN_OTHER_REGION}",
    ),
    (
        lambda stack: fleet(stack).add_claim_certificate(
            "Claim", certificate_arn=f"arn:aws:iot:{OTHER_REGION}:{ACCOUNT}:cert/0123456789abcdef"
        ),
        f"certificate_arn {IN_OTHER_REGION}",
    ),
    (
        lambda stack: fleet(stack).add_endpoint(
            "Endpoint", domain_name="iot.example.com", server_certificate=certificate(stack, OTHER_REGION)
        ),
        f"server_certificate {IN_OTHER_REGION}",
    ),
    (
        lambda stack: SignInUserPool(stack, "Users").attach_web_acl(
            f"arn:aws:wafv2:{OTHER_REGION}:{ACCOUNT}:regional/webacl/given/1"
        ),
        f"web_acl_arn {IN_OTHER_REGION}",
    ),
    (
        lambda stack: SignInUserPool(stack, "Users").attach_web_acl(
            f"arn:aws:wafv2:{REGION}:{OTHER_ACCOUNT}:regional/webacl/given/1"
        ),
        f"web_acl_arn {IN_OTHER_ACCOUNT}",
    ),
    (
        lambda stack: DirectHosting(stack, "Site").attach_web_acl(
            f"arn:aws:wafv2:us-east-1:{OTHER_ACCOUNT}:global/webacl/given/1"
        ),
        f"web_acl_arn {IN_OTHER_ACCOUNT}",
    ),
    (
        lambda stack: use_access_log_bucket(
            stack,
            s3.Bucket.from_bucket_attributes(stack, "Logs", bucket_name="logs-of-the-shop", region=OTHER_REGION),
        ),
        f"bucket {IN_OTHER_REGION}",
    ),
    (lambda stack: site(stack, vpc_zone(stack)), "zone is Shop/Zone, a private hosted zone.*public"),
    (lambda stack: site(stack, private_zone(stack)), "zone is Shop/Zone, a private hosted zone.*public"),
    (lambda stack: routing(stack, vpc_zone(stack)), "zone is Shop/Zone, a private hosted zone.*public"),
    (lambda stack: site(stack, imported_zone(stack), OTHER_REGION), f"certificate is in {OTHER_REGION}.*us-east-1"),
    (lambda stack: routing(stack, imported_zone(stack), OTHER_REGION), f"certificate {IN_OTHER_REGION}"),
    (
        lambda stack: site(stack, imported_zone(other(stack, region=REGION, account=OTHER_ACCOUNT))),
        f"zone {IN_OTHER_ACCOUNT}",
    ),
    (web_push, f"web_push.layer {IN_OTHER_REGION}"),
    (consumer, f"consumer.function {IN_OTHER_ACCOUNT}"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_what_is_elsewhere_is_refused(stack: Stack, build: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        build(stack)


def test_keys_and_topics_of_another_account_are_accepted(stack: Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{REGION}:{OTHER_ACCOUNT}:key/k")
    topic = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:{REGION}:{OTHER_ACCOUNT}:t")
    fanout = SnsSqsFanout(stack, "Orders", encryption_key=key, alarm_topic=topic)
    assert (fanout.encryption_key, fanout.alarm_topic) == (key, topic)


def test_what_an_arn_leaves_to_deployment_is_accepted(stack: Stack) -> None:
    agnostic = Stack(stack.node.root, "Agnostic")  # type: ignore[arg-type]
    arn = f"arn:aws:sns:{agnostic.region}:{agnostic.account}:t"
    topic = sns.Topic.from_topic_arn(agnostic, "Topic", arn)
    assert SnsSqsFanout(agnostic, "Orders", alarm_topic=topic).alarm_topic == topic


def test_buckets_of_other_regions_are_origins(stack: Stack) -> None:
    bucket = s3.Bucket.from_bucket_attributes(stack, "Files", bucket_name="files-of-the-shop", region=OTHER_REGION)
    site = DirectHosting(stack, "Site", failover_bucket=bucket)
    site.add_uploads(bucket)


def test_an_api_may_call_a_function_of_another_region_and_the_cdk_says_what_it_needs(stack: Stack) -> None:
    arn = f"arn:aws:lambda:{OTHER_REGION}:{OTHER_ACCOUNT}:function:orders"
    function = lambda_.Function.from_function_arn(stack, "Orders", arn)
    AuthorizedApi(stack, "Api", allowed_origins=[]).add_routes(["GET /orders"], function)
    warning = Match.string_like_regexp(".*addPermission.*")
    assert Annotations.from_stack(stack).find_warning("*", warning)


def test_the_region_of_a_user_pool_is_the_one_in_its_id(stack: Stack) -> None:
    pool = cognito.UserPool.from_user_pool_id(stack, "Users", f"{OTHER_REGION}_Example")
    client = cognito.UserPoolClient.from_user_pool_client_id(stack, "Client", "client")
    issuer = TokenIssuer.of_user_pool(pool, client)
    assert issuer.region == OTHER_REGION
    assert issuer.url.startswith(f"https://cognito-idp.{OTHER_REGION}.")


def test_unknown_regions_have_a_warning(stack: Stack) -> None:
    api = apigatewayv2.HttpApi.from_http_api_attributes(stack, "Api", http_api_id="api")
    site = DirectHosting(stack, "Site")
    site.add_api(api, region="mars-north-1")
    issuer = TokenIssuer(
        "https://cognito-idp.mars-north-1.amazonaws.com/p", ["client"], "mars-north-1_p", "mars-north-1"
    )
    RealtimeChannels(stack, "Live", issuer=issuer)
    warnings = Annotations.from_stack(stack)
    assert warnings.find_warning(f"/{site.cache.node.path}", Match.string_like_regexp("region .*'mars-north-1'"))
    assert warnings.find_warning("/Shop/Live", Match.string_like_regexp("issuer.region .*'mars-north-1'"))


@pytest.mark.parametrize("build", [site, routing])
def test_of_an_imported_zone_an_annotation_says_that_it_must_be_public(
    stack: Stack, build: Callable[[Stack, route53.IHostedZone], object]
) -> None:
    build(stack, imported_zone(stack))
    said = Match.string_like_regexp("imported hosted zone Shop/ImportedZone is a public one")
    assert Annotations.from_stack(stack).find_info("*", said)


def test_a_rule_without_an_action_has_a_warning(stack: Stack) -> None:
    rule = TopicRule(stack, "Rule", sql="SELECT * FROM 'a/b'", description="Telemetry")
    used = TopicRule(stack, "Used", sql="SELECT * FROM 'a/b'", description="Telemetry")
    used.add_topic(sns.Topic(stack, "Topic"))
    warnings = Annotations.from_stack(stack)
    said = Match.string_like_regexp("no action")
    assert warnings.find_warning(f"/{rule.node.path}", said)
    assert not warnings.find_warning(f"/{used.node.path}", said)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"api": {"url": None}}, "values contains None at 'api.url'.*Leave the key out"),
        ({"sizes": [1, float("nan")]}, "values contains nan at 'sizes\\[1\\]'"),
        ({"id": 2**60}, "values contains 1152921504606846976 at 'id'.*text"),
    ],
)
def test_configuration_that_the_cdk_would_change_is_refused(
    stack: Stack, values: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        DirectHosting(stack, "Site").add_configuration(values)


def test_cache_distributions_are_of_every_region(stack: Stack) -> None:
    elsewhere = other(stack)
    cache = CacheDistribution(elsewhere, "Cache", origin=origins.HttpOrigin("www.example.com"))
    cache.add_api(apigatewayv2.HttpApi(stack, "Api"))
