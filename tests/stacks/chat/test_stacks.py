"""What the chat's templates promise."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk import App, Stage
from syrupy.assertion import SnapshotAssertion

from cdp_constructs.testing import Synthesis, architecture
from stacks.chat import system
from stacks.chat.config import ChatConfiguration
from stacks.chat.regional_stack import RegionalStack
from tests.stacks.chat.architectures import FCM, NOTICES, ORIGIN, two_regions

HOME, AWAY = "Chat-ap-northeast-1", "Chat-us-west-2"
STACKS = ("ChatGlobal", HOME, AWAY)
WEB_STACKS = ("ChatWeb", "ChatWebCopy", "ChatEdge")
ROUTED_STACKS = ("RoutedChat-us-west-2", "RoutedChatWeb", "RoutedChatRoutingAlarms")


ROUTING = {
    "notices": None,
    "latency_routing": True,
    "domain_name": "api.chat.example.com",
    "hosted_zone_id": "Z0123456789EXAMPLE",
    "hosted_zone_name": "chat.example.com",
    "alarm_email": "ops@example.com",
    "web_domain_name": "chat.example.com",
    "web_certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000",
}


@architecture
def routed(app: App) -> dict[str, RegionalStack]:
    """The chat with existing resources where it takes them, and without notices."""
    return system.add_to(app, {**app.node.try_get_context("chat"), **ROUTING}, name="RoutedChat")


@architecture
def one_region_in_a_stage(app: App) -> dict[str, RegionalStack]:
    """The least there can be, in a stage, where stacks have longer names, after another Region was given up."""
    context = {
        "regions": ["eu-west-1"],
        "retired_regions": ["us-west-2"],
        "allowed_origins": [ORIGIN],
        "sign_in_plan": "lite",
        "sign_in_rate_limit": None,
        "typing_notices": False,
        "max_delivery_lag": None,
        "firewall": None,
        "latency_routing": False,
        "notices": None,
        "alarm_email": None,
    }
    return system.add_to(Stage(app, "Production"), context)


@pytest.fixture(scope="session")
def templates(synthesis: Synthesis) -> dict[str, dict[str, Any]]:
    return {**synthesis(two_regions).templates, **synthesis(routed).templates}


def resources(template: dict[str, Any], resource_type: str, containing: str = "") -> dict[str, dict[str, Any]]:
    return {
        logical_id: resource.get("Properties", {})
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == resource_type and containing in logical_id
    }


def only(template: dict[str, Any], resource_type: str, containing: str = "") -> dict[str, Any]:
    (found,) = resources(template, resource_type, containing).values()
    return found


def statements(template: dict[str, Any], role: str) -> Iterator[dict[str, Any]]:
    """Yield what the one role whose logical id begins with a text is allowed to do."""
    (role_id,) = [logical_id for logical_id in resources(template, "AWS::IAM::Role") if logical_id.startswith(role)]
    for policy in resources(template, "AWS::IAM::Policy").values():
        if {"Ref": role_id} in policy["Roles"]:
            yield from policy["PolicyDocument"]["Statement"]


def allowed(template: dict[str, Any], role: str, service: str) -> set[str]:
    actions: set[str] = set()
    for statement in statements(template, role):
        action = statement["Action"]
        actions |= {action} if isinstance(action, str) else set(action)
    return {action for action in actions if action.startswith(f"{service}:")}


@pytest.mark.parametrize("stack", STACKS + WEB_STACKS)
def test_stack(stack: str, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(two_regions).normalised[stack] == template_snapshot


@pytest.mark.parametrize("stack", STACKS + WEB_STACKS)
def test_card(stack: str, synthesis: Synthesis, card_snapshot: SnapshotAssertion) -> None:
    assert synthesis(two_regions).cards[stack] == card_snapshot


@pytest.mark.parametrize("stack", ROUTED_STACKS)
def test_routed_stack(stack: str, synthesis: Synthesis, template_snapshot: SnapshotAssertion) -> None:
    assert synthesis(routed).normalised[stack] == template_snapshot


@pytest.mark.parametrize("build", [two_regions, routed, one_region_in_a_stage])
def test_nag_finds_nothing_that_is_not_acknowledged(synthesis: Synthesis, build: Any) -> None:
    assert synthesis(build).findings("AwsSolutions", "Serverless") == []


def test_every_region_has_a_replica_that_can_be_restored_and_not_be_deleted(templates: dict[str, Any]) -> None:
    table = only(templates["ChatGlobal"], "AWS::DynamoDB::GlobalTable", "Table")
    assert {replica["Region"] for replica in table["Replicas"]} == {"ap-northeast-1", "us-west-2"}
    for replica in table["Replicas"]:
        assert replica["DeletionProtectionEnabled"]
        assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    # Eventually consistent between Regions: the ordering rule is made for that, and each Region writes by itself.
    assert table.get("MultiRegionConsistency", "EVENTUAL") == "EVENTUAL"


def test_attachments_of_all_regions_are_found_in_each(templates: dict[str, Any]) -> None:
    shared = only(templates["ChatGlobal"], "AWS::DynamoDB::GlobalTable", "AttachmentIndex")
    assert {replica["Region"] for replica in shared["Replicas"]} == {"ap-northeast-1", "us-west-2"}
    assert all(replica["DeletionProtectionEnabled"] for replica in shared["Replicas"])
    for stack in (HOME, AWAY):
        template = templates[stack]
        writer = only(template, "AWS::Lambda::Function", "AttachmentsIndexWriterFunction")
        api = only(template, "AWS::Lambda::Function", "ChatFunction")
        index = api["Environment"]["Variables"]["ATTACHMENT_INDEX"]
        assert writer["Environment"]["Variables"]["TABLE_NAME"] == index
        assert writer["Environment"]["Variables"]["OWNER_METADATA"] == "room"
        [asked] = [
            statement
            for statement in statements(template, "ChatFunctionRole")
            if "/index/ByOwner" in json.dumps(statement["Resource"])
        ]
        # The API reads the index, and never writes it.
        assert asked["Action"] == "dynamodb:Query"


def test_what_cannot_be_made_again_is_retained(templates: dict[str, Any]) -> None:
    kept = ("AWS::DynamoDB::GlobalTable", "AWS::Cognito::UserPool", "AWS::S3::Bucket", "AWS::KMS::Key")
    for stack in STACKS + WEB_STACKS:
        for logical_id, resource in templates[stack]["Resources"].items():
            if resource["Type"] in kept:
                assert resource["DeletionPolicy"] == "Retain", logical_id


def test_sessions_outlast_an_outage_and_passwords_are_strong(templates: dict[str, Any]) -> None:
    pool = only(templates["ChatGlobal"], "AWS::Cognito::UserPool")
    policy = pool["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 12
    assert all(policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert [item["Name"] for item in pool["AccountRecoverySetting"]["RecoveryMechanisms"]] == ["verified_email"]
    client = only(templates["ChatGlobal"], "AWS::Cognito::UserPoolClient")
    minutes = {"minutes": 1, "hours": 60, "days": 1440}
    units = client["TokenValidityUnits"]
    assert client["AccessTokenValidity"] * minutes[units["AccessToken"]] > 60
    assert client["RefreshTokenValidity"] * minutes[units["RefreshToken"]] >= 30 * 1440
    assert client["GenerateSecret"] is False
    assert client["EnableTokenRevocation"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_strangers_cannot_use_up_the_mails_of_sign_up(templates: dict[str, Any], synthesis: Synthesis) -> None:
    pool = only(templates["ChatGlobal"], "AWS::Cognito::UserPool")
    mails = pool["EmailConfiguration"]
    assert (mails["EmailSendingAccount"], mails["From"]) == ("DEVELOPER", "Chat <notices@example.com>")
    assert json.dumps(mails["SourceArn"]).endswith(':identity/example.com"]]}')
    rule, *managed = only(templates["ChatGlobal"], "AWS::WAFv2::WebACL")["Rules"]
    assert rule["Action"] == {"Block": {}}
    assert rule["Statement"]["RateBasedStatement"]["Limit"] == 1000
    assert [one["Name"] for one in managed] == ["KnownBadInputsRuleSet", "AmazonIpReputationList"]
    association = only(templates["ChatGlobal"], "AWS::WAFv2::WebACLAssociation")
    (pool_id,) = resources(templates["ChatGlobal"], "AWS::Cognito::UserPool")
    assert association["ResourceArn"] == {"Fn::GetAtt": [pool_id, "Arn"]}
    # Without an identity Cognito sends them, and without a limit there is no web ACL to pay for.
    (bare,) = (
        template
        for name, template in synthesis(one_region_in_a_stage).templates.items()
        if resources(template, "AWS::Cognito::UserPool")
    )
    assert "EmailConfiguration" not in only(bare, "AWS::Cognito::UserPool")
    assert resources(bare, "AWS::WAFv2::WebACL") == {}


def test_a_stolen_refresh_token_is_worth_one_renewal(templates: dict[str, Any]) -> None:
    client = only(templates["ChatGlobal"], "AWS::Cognito::UserPoolClient")
    assert client["RefreshTokenRotation"]["Feature"] == "ENABLED"
    assert client["RefreshTokenRotation"]["RetryGracePeriodSeconds"] <= 60
    assert "ALLOW_REFRESH_TOKEN_AUTH" not in client["ExplicitAuthFlows"]


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_only_health_and_mails_links_answer_without_a_token(templates: dict[str, Any], stack: str) -> None:
    routes = resources(templates[stack], "AWS::ApiGatewayV2::Route").values()
    public = {route["RouteKey"] for route in routes if route["AuthorizationType"] == "NONE"}
    assert public == {"GET /health", "GET /health/deep", "GET /unsubscribe", "POST /unsubscribe"}
    assert {route["AuthorizationType"] for route in routes if route["RouteKey"] not in public} == {"JWT"}
    # Access tokens have this scope, ID tokens none.
    scopes = {tuple(route.get("AuthorizationScopes", ())) for route in routes if route["RouteKey"] not in public}
    assert scopes == {("aws.cognito.signin.user.admin",)}
    authorizer = only(templates[stack], "AWS::ApiGatewayV2::Authorizer")["JwtConfiguration"]
    assert "cognito-idp.ap-northeast-1" in json.dumps(authorizer["Issuer"])


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_the_api_is_throttled_logged_and_open_to_named_origins_only(templates: dict[str, Any], stack: str) -> None:
    stage = only(templates[stack], "AWS::ApiGatewayV2::Stage")
    default = stage["DefaultRouteSettings"]
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html: 10,000/s and 5,000 for all APIs.
    assert default["ThrottlingRateLimit"] <= 10_000
    assert default["ThrottlingBurstLimit"] <= 5_000
    assert default["DetailedMetricsEnabled"]
    keys = {route["RouteKey"] for route in resources(templates[stack], "AWS::ApiGatewayV2::Route").values()}
    assert {"POST /rooms/{room}/uploads", "GET /rooms/{room}/attachments/{attachment}"} <= set(stage["RouteSettings"])
    assert set(stage["RouteSettings"]) <= keys
    assert '"user":"$context.authorizer.claims.sub"' in stage["AccessLogSettings"]["Format"].replace(": ", ":")
    cors = only(templates[stack], "AWS::ApiGatewayV2::Api")["CorsConfiguration"]
    assert cors["AllowOrigins"] == [ORIGIN]


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_the_api_may_read_and_write_its_table_and_call_three_functions(templates: dict[str, Any], stack: str) -> None:
    template = templates[stack]
    assert allowed(template, "ChatFunctionRole", "dynamodb") == {
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    }
    # Only what is known of a user, and the user's devices, is ever deleted; what is said stays.
    deletes = [
        item
        for item in statements(template, "ChatFunctionRole")
        if {"dynamodb:BatchWriteItem", "dynamodb:DeleteItem"} & set(item["Action"])
    ]
    assert [item["Condition"] for item in deletes] == [
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": prefixes}}
        for prefixes in (["USER#*"], ["USER#*", "DEVICE#*"])
    ]
    (invoke,) = [item for item in statements(template, "ChatFunctionRole") if item["Action"] == "lambda:InvokeFunction"]
    named = sorted(json.dumps(resource) for resource in invoke["Resource"])
    assert len(named) == 3
    for region in ("ap-northeast-1", "us-west-2"):
        assert any(f":lambda:{region}:" in name and f"Chat-{region}-SignDownload" in name for name in named)
    assert {
        service for service in ("s3", "sns", "sqs", "kms", "ses") if allowed(template, "ChatFunctionRole", service)
    } == set()


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_consumers_may_do_one_thing_each(templates: dict[str, Any], stack: str) -> None:
    template = templates[stack]
    assert allowed(template, "AttachmentsRecorderFunctionRole", "dynamodb") == {
        "dynamodb:BatchGetItem",
        "dynamodb:UpdateItem",
    }
    recorder = list(statements(template, "AttachmentsRecorderFunctionRole"))
    (items,) = [item for item in recorder if "dynamodb:UpdateItem" in item["Action"]]
    assert items["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROOM#*"]}}
    (files,) = [item for item in recorder if "s3:DeleteObject" in item["Action"]]
    assert files["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert "/accepted/*" in json.dumps(files["Resource"])
    assert allowed(template, "MessagesArchiverRole", "s3") == {"s3:PutObject"}
    assert allowed(template, "MessagesPublisherRole", "sns") == {"sns:Publish"}
    assert allowed(template, "MessagesPublisherRole", "dynamodb") == {
        "dynamodb:BatchGetItem",
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "dynamodb:UpdateItem",
    }
    (channels,) = [
        item for item in statements(template, "MessagesPublisherRole") if "dynamodb:UpdateItem" in item["Action"]
    ]
    assert sorted(channels["Action"]) == ["dynamodb:BatchGetItem", "dynamodb:UpdateItem"]
    assert channels["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROOM#*"]}}
    (put,) = [item for item in statements(template, "MessagesArchiverRole") if item["Action"] == "s3:PutObject"]
    assert "/messages/*" in json.dumps(put["Resource"])


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_the_archive_gathers_messages_and_keeps_them_hidden_meanwhile(templates: dict[str, Any], stack: str) -> None:
    template = templates[stack]
    mapping = only(template, "AWS::Lambda::EventSourceMapping", "MessagesFanoutArchive")
    window = mapping["MaximumBatchingWindowInSeconds"]
    assert (window, mapping["BatchSize"]) == (10, 1000)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue = only(template, "AWS::SQS::Queue", "FanoutArchiveQueue")
    function = only(template, "AWS::Lambda::Function", "MessagesArchiver")
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"] + window
    # Members wait for what is live, and for what they are told.
    for waited_for in ("MessagesFanoutLive", "MessagesFanoutNotices"):
        mapping = only(template, "AWS::Lambda::EventSourceMapping", waited_for)
        assert "MaximumBatchingWindowInSeconds" not in mapping


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_live_channels_are_for_members_with_a_token_and_the_publisher_alone(
    templates: dict[str, Any], stack: str
) -> None:
    template = templates[stack]
    api = only(template, "AWS::AppSync::Api")["EventConfig"]
    assert api["ConnectionAuthModes"] == [{"AuthType": "AMAZON_COGNITO_USER_POOLS"}]
    (users,) = [item["CognitoConfig"] for item in api["AuthProviders"] if "CognitoConfig" in item]
    assert users["AwsRegion"] == "ap-northeast-1"
    namespace = only(template, "AWS::AppSync::ChannelNamespace")
    assert (namespace["Name"], namespace["PublishAuthModes"]) == ("rooms", [{"AuthType": "AWS_IAM"}])
    assert "OnSubscribe" in namespace["HandlerConfigs"]
    assert allowed(template, "LiveSubscriptionsRole", "dynamodb") == {"dynamodb:GetItem"}
    (read,) = [item for item in statements(template, "LiveSubscriptionsRole") if item["Action"] == "dynamodb:GetItem"]
    assert read["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ROOM#*"]}}
    assert allowed(template, "LiveChannelsPublisherRole", "appsync") == {"appsync:EventPublish"}
    # Everybody who may publish at all.
    may_publish = [
        logical_id
        for logical_id, policy in resources(template, "AWS::IAM::Policy").items()
        if "appsync:EventPublish" in json.dumps(policy)
    ]
    assert len(may_publish) == 1
    assert may_publish[0].startswith("LiveChannelsPublisherRole")


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_clients_are_told_the_live_api_of_the_region_that_answers(templates: dict[str, Any], stack: str) -> None:
    template = templates[stack]
    (api,) = resources(template, "AWS::AppSync::Api")
    environment = only(template, "AWS::Lambda::Function", "ChatFunction")["Environment"]["Variables"]
    assert api in json.dumps(environment["REALTIME"])


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_somebody_is_told_when_members_get_messages_late(templates: dict[str, Any], stack: str) -> None:
    alarm = only(templates[stack], "AWS::CloudWatch::Alarm", "LiveLateAlarm")
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateAgeOfOldestMessage", 60)
    (queue,) = [item["Value"]["Fn::GetAtt"][0] for item in alarm["Dimensions"]]
    assert "FanoutLiveQueue" in queue


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_the_region_that_accepted_a_message_tells_who_is_away(templates: dict[str, Any], stack: str) -> None:
    template = templates[stack]
    (subscription,) = [
        item
        for logical_id, item in resources(template, "AWS::SNS::Subscription").items()
        if logical_id.startswith("MessagesFanoutNotices")
    ]
    assert subscription["FilterPolicy"] == {"kind": ["message"], "region": [stack.removeprefix("Chat-")]}
    assert allowed(template, "NoticesNotifierRole", "sqs") >= {"sqs:SendMessage"}
    (send,) = [item for item in statements(template, "NoticesNotifierRole") if item["Action"] == "sqs:SendMessage"]
    assert "NoticesNotificationsQueue" in json.dumps(send["Resource"])
    for statement in statements(template, "NoticesNotifierRole"):
        if "dynamodb:" in json.dumps(statement["Action"]):
            assert "dynamodb:LeadingKeys" in json.dumps(statement["Condition"])
    assert not {"dynamodb:PutItem", "dynamodb:UpdateItem"} & allowed(template, "NoticesNotifierRole", "dynamodb")


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_mail_is_sent_after_a_look_at_the_account_in_the_home_region(templates: dict[str, Any], stack: str) -> None:
    delivery = statements(templates[stack], "NoticesNotificationsDelivery")
    (look,) = [item for item in delivery if "cognito-idp" in json.dumps(item["Action"])]
    assert look["Action"] == "cognito-idp:AdminGetUser"
    assert ":cognito-idp:ap-northeast-1:" in json.dumps(look["Resource"])
    assert "cognito" not in json.dumps([*statements(templates[stack], "ChatFunctionRole")])


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_the_budgets_of_users_are_those_of_the_configuration(templates: dict[str, Any], stack: str) -> None:
    environment = only(templates[stack], "AWS::Lambda::Function", "ChatFunction")["Environment"]["Variables"]
    assert json.loads(environment["LIMITS"]) == ChatConfiguration.model_fields["limits"].default.model_dump()
    assert environment["USER_POOL_REGION"] == "ap-northeast-1"


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_posts_are_refused_by_the_lag_that_the_live_publisher_notes(templates: dict[str, Any], stack: str) -> None:
    template, region = templates[stack], stack.removeprefix("Chat-")
    api, publisher = (
        only(template, "AWS::Lambda::Function", name)["Environment"]["Variables"]
        for name in ("ChatFunction", "LiveChannelsPublisher")
    )
    assert (api["MAX_DELIVERY_LAG"], publisher["MAX_LAG"]) == ("10", "2.5")
    # A refusal is counted there, or it is an error.
    assert api["POWERTOOLS_METRICS_NAMESPACE"] == "CdpConstructs"
    assert publisher["LAG_TABLE"] == api["TABLE_NAME"]
    [write] = [one for one in statements(template, "LiveChannelsPublisher") if "dynamodb" in json.dumps(one["Action"])]
    assert write["Action"] == "dynamodb:PutItem"
    assert write["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"DELIVERY#{region}"]}}
    alarm = only(template, "AWS::CloudWatch::Alarm", "ChatRefusedPostsAlarm")
    assert (alarm["MetricName"], alarm["Threshold"], alarm["Period"]) == ("RefusedPosts", 1, 60)


def test_without_a_bound_there_is_neither_note_nor_alarm(synthesis: Synthesis) -> None:
    template = json.dumps(synthesis(one_region_in_a_stage).templates)
    assert "SilentAlarm" in template
    for name in ("RefusedPosts", "LAG_TABLE", "MAX_DELIVERY_LAG", "DELIVERY#"):
        assert name not in template


def test_push_goes_through_applications_of_the_same_region_only(templates: dict[str, Any]) -> None:
    assert FCM in json.dumps(templates[AWAY])
    assert FCM not in json.dumps(templates[HOME])


def test_synthesis_says_in_one_line_where_there_is_no_push_to_mobile_devices(cdk_app: App) -> None:
    context = {"regions": ["ap-northeast-1", "us-west-2", "eu-west-1"], "allowed_origins": [ORIGIN], "notices": NOTICES}
    system.add_to(cdk_app, context)
    [said] = [
        entry.data for entry in cdk_app.node.find_child("ChatGlobal").node.metadata if entry.type.endswith("info")
    ]
    assert str(said).startswith("Push to mobile devices is off in ap-northeast-1, eu-west-1. To switch it on, name")


def test_browsers_have_one_key_pair_for_all_regions_and_each_reads_its_own_replica(templates: dict[str, Any]) -> None:
    secret = only(templates["ChatGlobal"], "AWS::SecretsManager::Secret")
    assert secret["ReplicaRegions"] == [{"Region": "us-west-2"}]
    for stack, region in ((HOME, "ap-northeast-1"), (AWAY, "us-west-2")):
        assert not resources(templates[stack], "AWS::SecretsManager::Secret", "Vapid")
        [reads] = [
            statement
            for statement in statements(templates[stack], "NoticesNotificationsDeliveryFunctionRole")
            if "secretsmanager" in json.dumps(statement)
        ]
        assert reads["Action"] == "secretsmanager:GetSecretValue"
        assert stack == HOME or f":secretsmanager:{region}:" in json.dumps(reads["Resource"])
        environment = only(templates[stack], "AWS::Lambda::Function", "NotificationsDelivery")["Environment"]
        assert environment["Variables"]["VAPID_CONTACT"] == "mailto:notices@example.com"
    assert not resources(templates["RoutedChat-us-west-2"], "AWS::Lambda::Function", "Vapid")


def test_without_notices_there_is_nothing_that_mails(templates: dict[str, Any]) -> None:
    template = templates["RoutedChat-us-west-2"]
    assert not resources(template, "AWS::SES::ConfigurationSet")
    keys = {route["RouteKey"] for route in resources(template, "AWS::ApiGatewayV2::Route").values()}
    assert not {key for key in keys if "unsubscribe" in key}
    environment = only(template, "AWS::Lambda::Function", "ChatFunction")["Environment"]["Variables"]
    assert "NOTICES" not in environment


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_a_bad_record_of_the_stream_is_narrowed_down_and_set_aside(templates: dict[str, Any], stack: str) -> None:
    mappings = resources(templates[stack], "AWS::Lambda::EventSourceMapping", "MessagesStream")
    (mapping,) = mappings.values()
    assert mapping["BisectBatchOnFunctionError"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRecordAgeInSeconds"] < 24 * 3600, "the stream itself forgets after a day"
    assert "MessagesFailures" in json.dumps(mapping["DestinationConfig"]["OnFailure"]["Destination"])


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_only_news_reach_the_publisher(templates: dict[str, Any], stack: str) -> None:
    (mapping,) = resources(templates[stack], "AWS::Lambda::EventSourceMapping", "MessagesStream").values()
    patterns = [json.loads(item["Pattern"]) for item in mapping["FilterCriteria"]["Filters"]]
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    assert len(patterns) <= 5
    changed = ["INSERT", "MODIFY"]
    region = stack.removeprefix("Chat-")

    def of(events: list[str], *names: Any, **image: Any) -> dict[str, Any]:
        return {"eventName": events, "dynamodb": {"Keys": {"sk": {"S": list(names)}}, **image}}

    def news(*changes: str) -> dict[str, Any]:
        return {"change": {"S": list(changes)}}

    assert patterns == [
        of(["INSERT"], {"prefix": "MESSAGE#"}, {"prefix": "CHANGE#"}),
        of(changed, {"prefix": "MEMBER#"}, f"CHANNEL#{region}"),
        # Heartbeats of somebody who is there already are no news; typing lapses at clients, so its renewals are.
        of(changed, {"prefix": "PRESENCE#"}, NewImage=news("joined", "left")),
        of(changed, {"prefix": "TYPING#"}, NewImage=news("joined", "renewed", "left")),
        of(changed, {"prefix": "ATTACHMENT#"}, NewImage={"thumbnail": {"BOOL": [True]}}),
    ]


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_every_place_for_failures_raises_an_alarm(templates: dict[str, Any], stack: str) -> None:
    template = templates[stack]
    queues = resources(template, "AWS::SQS::Queue")
    for_failures = {logical_id for logical_id, queue in queues.items() if "RedrivePolicy" not in queue}
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }
    assert for_failures
    assert for_failures <= watched


@pytest.mark.parametrize("stack", [HOME, AWAY])
def test_every_alarm_reaches_the_topic_that_cloudwatch_may_use(templates: dict[str, Any], stack: str) -> None:
    template = templates[stack]
    (topic,) = [name for name in resources(template, "AWS::SNS::Topic") if name.startswith("Alarms")]
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    assert {json.dumps(alarm["AlarmActions"]) for alarm in alarms.values()} == {json.dumps([{"Ref": topic}])}
    key = only(template, "AWS::KMS::Key", "Alarms")
    principals = [statement["Principal"] for statement in key["KeyPolicy"]["Statement"]]
    assert {"Service": "cloudwatch.amazonaws.com"} in principals


def test_regions_know_each_other_without_custom_resources(templates: dict[str, Any]) -> None:
    for stack in STACKS:
        custom = {
            item["Type"] for item in templates[stack]["Resources"].values() if item["Type"].startswith("Custom::")
        }
        assert custom <= {"Custom::TableStream", "Custom::CloudFrontSigningKeys", "Custom::VapidKeys"}
    assert AWAY not in json.dumps(templates["ChatGlobal"]["Resources"])


def test_without_typing_notices_and_in_the_lite_plan(synthesis: Synthesis, templates: dict[str, Any]) -> None:
    least = synthesis(one_region_in_a_stage).templates
    saving = {**least, "ChatGlobal": least["Production-ChatGlobal"], HOME: least["Production-Chat-eu-west-1"]}
    for found, notices, plan in ((templates, True, "ESSENTIALS"), (saving, False, "LITE")):
        variables = only(found[HOME], "AWS::Lambda::Function", "ChatFunction")["Environment"]["Variables"]
        assert ("NO_TYPING_NOTICES" not in variables) is notices
        assert only(found["ChatGlobal"], "AWS::Cognito::UserPool")["UserPoolTier"] == plan
        client = only(found["ChatGlobal"], "AWS::Cognito::UserPoolClient")
        assert ("RefreshTokenRotation" in client) is (plan == "ESSENTIALS")
    # Clients are told too: one of the assembly's configurations says so.
    written = [file.read_text() for file in synthesis(one_region_in_a_stage).assembly.rglob("config.json")]
    assert any('"typing":false' in text.replace(" ", "") for text in written)


def test_one_region_alone_signs_for_itself_and_reads_what_a_retired_one_left(synthesis: Synthesis) -> None:
    templates = synthesis(one_region_in_a_stage).templates
    table = only(templates["Production-ChatGlobal"], "AWS::DynamoDB::GlobalTable", "Table")
    assert [replica["Region"] for replica in table["Replicas"]] == ["eu-west-1"]
    template = templates["Production-Chat-eu-west-1"]
    environment = only(template, "AWS::Lambda::Function", "ChatFunction")["Environment"]["Variables"]
    assert environment["LOG_REGIONS"] == "eu-west-1,us-west-2"
    signers = json.loads(environment["SIGNING_FUNCTIONS"])
    assert list(signers) == ["eu-west-1"]
    assert only(template, "AWS::Lambda::Function", "SigningFunction")["FunctionName"] == signers["eu-west-1"]


def test_with_routing_the_nearest_healthy_region_answers(templates: dict[str, Any]) -> None:
    for region in ("ap-northeast-1", "us-west-2"):
        records = resources(templates[f"RoutedChat-{region}"], "AWS::Route53::RecordSet").values()
        assert {(record["Type"], record["Region"], record["SetIdentifier"]) for record in records} == {
            ("A", region, region),
            ("AAAA", region, region),
        }
        check = only(templates[f"RoutedChat-{region}"], "AWS::Route53::HealthCheck")["HealthCheckConfig"]
        assert check["ResourcePath"] == "/health/deep"


def test_with_routing_somebody_is_told_when_a_region_is_left_out(templates: dict[str, Any]) -> None:
    alarms = resources(templates["RoutedChatRoutingAlarms"], "AWS::CloudWatch::Alarm").values()
    assert [alarm["MetricName"] for alarm in alarms].count("HealthCheckStatus") == 2
    mail = only(templates["RoutedChatRoutingAlarms"], "AWS::SNS::Subscription")
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "ops@example.com")
