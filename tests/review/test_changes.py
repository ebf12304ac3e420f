"""A review finds what matters, says it with old and new values, and is silent where nothing changed."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.review.changes.comparison import Compared, compare
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.templates import Template
from tests.review.templates import TemplateBody, chat, chat_tables, edited, id_of, iot, properties, shop

Edit = Callable[[TemplateBody], TemplateBody | None]


def changes(before: TemplateBody, now: TemplateBody) -> list[Finding]:
    return compare(Compared("Stack", Template("Stack", before), Template("Stack", now)))


def of(system: Callable[[], TemplateBody], edit: Edit) -> list[Finding]:
    return changes(system(), edited(system(), edit))


def lines(found: list[Finding]) -> list[str]:
    return [
        line
        for finding in found
        for line in (f"{finding.kind.word} {finding.title}", *(f"  {one}" for one in finding.details))
    ]


# --- what was made on branches, and looked at as a pull request


def block_public_access_off(body: TemplateBody) -> None:
    properties(body, "S3::Bucket", "Archive")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


def another_partition_key(body: TemplateBody) -> None:
    properties(body, "DynamoDB::GlobalTable", "AttachmentIndex")["KeySchema"][0]["AttributeName"] = "id"


def everything_of_s3(body: TemplateBody) -> None:
    statements = properties(body, "IAM::Policy", "MessagesArchiver")["PolicyDocument"]["Statement"]
    statements.append({"Action": "s3:*", "Effect": "Allow", "Resource": "*"})


def no_dead_letter_queue(body: TemplateBody) -> None:
    queue = id_of(body, "SQS::Queue", "MessagesFailures")
    mapping = next(
        one
        for one in body["Resources"].values()
        if one["Type"] == "AWS::Lambda::EventSourceMapping" and "DestinationConfig" in one["Properties"]
    )
    del mapping["Properties"]["DestinationConfig"]
    for name in [name for name in body["Resources"] if name.startswith("MessagesFailures")]:
        del body["Resources"][name]
    statements = properties(body, "IAM::Policy", "MessagesPublisher")["PolicyDocument"]["Statement"]
    statements[:] = [one for one in statements if queue not in json.dumps(one)]


def access_logs_for_a_week(body: TemplateBody) -> None:
    properties(body, "S3::Bucket", "AccessLogs")["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] = 7


def another_construct_id(body: TemplateBody) -> TemplateBody:
    bucket = id_of(body, "S3::Bucket", "Archive")
    text = (
        json.dumps(body)
        .replace(bucket, "MessagesHistoryBucketABCDEF01")
        .replace("MessagesArchiveBucketPolicy", "MessagesHistoryBucketPolicy")
    )
    renamed: TemplateBody = json.loads(text)
    return renamed


def no_key_of_the_fanout(body: TemplateBody) -> None:
    key = id_of(body, "KMS::Key", "MessagesFanout")
    for one in body["Resources"].values():
        if key in json.dumps(one.get("Properties", {}).get("KmsMasterKeyId", "")):
            del one["Properties"]["KmsMasterKeyId"]
        document = one.get("Properties", {}).get("PolicyDocument", {})
        if one["Type"] == "AWS::IAM::Policy":
            document["Statement"] = [
                statement for statement in document["Statement"] if key not in json.dumps(statement)
            ]
    del body["Resources"][key]


def no_alarm(body: TemplateBody) -> None:
    del body["Resources"][id_of(body, "CloudWatch::Alarm", "MessagesFailuresAlarm")]


def more_memory(body: TemplateBody) -> None:
    properties(body, "Lambda::Function", "MessagesArchiver")["MemorySize"] = 1024


def new_route(authorization: str) -> Edit:
    def edit(body: TemplateBody) -> None:
        signed_in = next(
            one
            for one in body["Resources"].values()
            if one["Type"] == "AWS::ApiGatewayV2::Route" and one["Properties"]["AuthorizationType"] == "JWT"
        )
        route = copy.deepcopy(signed_in)
        route["Properties"] |= {"AuthorizationType": authorization, "RouteKey": "GET /rooms/{room}/export"}
        if authorization == "NONE":
            del route["Properties"]["AuthorizerId"]
        body["Resources"]["ChatApiExport1A2B3C4D"] = route

    return edit


QUEUES_OF_THE_FANOUT = ", ".join(
    f"MessagesFanout{subscriber}{queue}"
    for subscriber in ("Archive", "Live", "Notices")
    for queue in ("DeadLetterQueue", "Queue", "SubscriptionDeadLetterQueue")
)


@pytest.mark.parametrize(
    ("system", "edit", "said"),
    [
        (
            chat,
            block_public_access_off,
            [
                "PUBLIC new way in that asks for nothing: MessagesArchiveBucket without BlockPublicPolicy",
                "  asks for what its policy and ACLs say",
            ],
        ),
        (
            chat_tables,
            another_partition_key,
            [
                "DATA table AttachmentIndex is replaced",
                "  KeySchema/0/AttributeName   object -> id",
                "  cannot be changed in place: CloudFormation makes a new, EMPTY one",
                "  the old one stays, and nothing uses it",
            ],
        ),
        (
            chat,
            everything_of_s3,
            [
                "IAM MessagesArchiver may do more",
                "  was   may s3 PutObject on MessagesArchiveBucket/messages/*",
                "  now   may s3 (anything) on any resource   WIDE",
            ],
        ),
        (
            chat,
            no_dead_letter_queue,
            [
                "ALARMS MessagesTableStream read by MessagesPublisher: what fails goes elsewhere",
                "  was   when too old -> MessagesFailures",
                "  now   what fails is LOST",
                "COST -$0.10 a month at rest",
                "  CloudWatch::Alarm   -$0.10",
                "ALSO alarm MessagesFailuresAlarm is removed",
                "  it looked at MessagesFailures, which is gone, too",
                "ALSO removed",
                "  queue MessagesFailures",
            ],
        ),
        (
            chat,
            access_logs_for_a_week,
            [
                "RETENTION bucket AccessLogs: encryption, retention or protection changed",
                "  kept   no versions; all 365 days -> no versions; all 7 days",
            ],
        ),
        (
            chat,
            no_key_of_the_fanout,
            [
                "DATA key MessagesFanoutEncryptionKey is removed",
                "  the old one stays, and nothing uses it",
                f"RETENTION 9 queues ({QUEUES_OF_THE_FANOUT}): encryption, retention or protection changed",
                "  key   MessagesFanoutEncryptionKey -> SQS's own key",
                "RETENTION topic MessagesFanoutTopic: encryption, retention or protection changed",
                "  key   MessagesFanoutEncryptionKey -> no key",
                "COST -$1.00 a month at rest",
                "  KMS::Key   -$1.00",
            ],
        ),
        (
            chat,
            no_alarm,
            [
                "ALARMS alarm MessagesFailuresAlarm is removed",
                "  it looked at MessagesFailures",
                "COST -$0.10 a month at rest",
                "  CloudWatch::Alarm   -$0.10",
            ],
        ),
        (chat, more_memory, ["ALSO MessagesArchiver (Lambda::Function) changed", "  MemorySize   512 -> 1024"]),
        (
            chat,
            new_route("NONE"),
            [
                "PUBLIC new way in that asks for nothing: ChatApi GET /rooms/{room}/export",
                "  asks for nothing",
                "  leads to ChatFunction",
                "  others of it ask for JWT of ChatApiSignedIn",
            ],
        ),
        (
            chat,
            new_route("JWT"),
            [
                "ALSO new way in: ChatApi GET /rooms/{room}/export",
                "  asks for JWT of ChatApiSignedIn",
                "  leads to ChatFunction",
            ],
        ),
    ],
)
def test_a_review_says_what_a_reviewer_needs(system: Callable[[], TemplateBody], edit: Edit, said: list[str]) -> None:
    assert lines(of(system, edit)) == said


def test_a_rename_is_a_replacement() -> None:
    first, *others = of(chat, another_construct_id)
    bucket = id_of(chat(), "S3::Bucket", "Archive")
    assert (first.kind, first.title) == (Kind.REPLACEMENT, "bucket MessagesHistoryBucket is renamed, so it is replaced")
    assert first.details[:2] == (
        f"{bucket} -> MessagesHistoryBucketABCDEF01: for CloudFormation another resource, which starts EMPTY",
        "the old one stays, and nothing uses it",
    )
    assert "MessagesArchiver" in first.details[2]
    assert [finding for finding in others if finding.kind != Kind.OTHER] == []


# --- what must be found, and in which place


def at(kind: str, part: str, **values: Any) -> Edit:
    def edit(body: TemplateBody) -> None:
        properties(body, kind, part).update(values)

    return edit


def without(kind: str, part: str, *names: str) -> Edit:
    def edit(body: TemplateBody) -> None:
        for name in names:
            properties(body, kind, part).pop(name)

    return edit


def gone(kind: str, part: str = "") -> Edit:
    def edit(body: TemplateBody) -> None:
        del body["Resources"][id_of(body, kind, part)]

    return edit


def added(**resource: Any) -> Edit:
    def edit(body: TemplateBody) -> None:
        body["Resources"]["Added1A2B3C4D"] = resource

    return edit


def policy(**more: Any) -> Edit:
    def edit(body: TemplateBody) -> None:
        [statement] = properties(body, "IAM::Policy")["PolicyDocument"]["Statement"]
        statement.update(more)

    return edit


def deleted_with_the_stack(body: TemplateBody) -> None:
    table = body["Resources"][id_of(body, "DynamoDB::Table")]
    table["DeletionPolicy"] = table["UpdateReplacePolicy"] = "Delete"


@pytest.mark.parametrize(
    ("edit", "kind"),
    [
        (at("DynamoDB::Table", "Table", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}]), Kind.REPLACEMENT),
        (at("DynamoDB::Table", "Table", TableName="orders"), Kind.REPLACEMENT),
        (gone("DynamoDB::Table"), Kind.REPLACEMENT),
        (policy(Action="dynamodb:*"), Kind.BROADENING),
        (policy(Resource="*"), Kind.BROADENING),
        (policy(Action=["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:DeleteItem"]), Kind.BROADENING),
        (policy(Effect="Allow", NotAction="iam:*", Resource="*"), Kind.BROADENING),
        (
            added(
                Type="AWS::Lambda::Permission",
                Properties={"Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "*"},
            ),
            Kind.BROADENING,
        ),
        (at("ApiGatewayV2::Route", "Health", RouteKey="POST /admin"), Kind.EXPOSURE),
        (added(Type="AWS::Lambda::Url", Properties={"AuthType": "NONE", "TargetFunctionArn": "f"}), Kind.EXPOSURE),
        (
            added(
                Type="AWS::EC2::SecurityGroupIngress",
                Properties={"CidrIp": "0.0.0.0/0", "FromPort": 22, "GroupId": "g", "IpProtocol": "tcp", "ToPort": 22},
            ),
            Kind.EXPOSURE,
        ),
        (at("DynamoDB::Table", "Table", DeletionProtectionEnabled=False), Kind.RETENTION),
        (
            at("DynamoDB::Table", "Table", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}),
            Kind.RETENTION,
        ),
        (at("SQS::Queue", "Failed", MessageRetentionPeriod=60), Kind.RETENTION),
        (at("SQS::Queue", "Failed", SqsManagedSseEnabled=False), Kind.RETENTION),
        (deleted_with_the_stack, Kind.RETENTION),
        (gone("CloudWatch::Alarm"), Kind.ALARMS),
        (at("CloudWatch::Alarm", "Failed", Threshold=1000), Kind.ALARMS),
        (at("CloudWatch::Alarm", "Failed", ActionsEnabled=False), Kind.ALARMS),
        (without("SQS::Queue", "Orders", "RedrivePolicy"), Kind.ALARMS),
        (
            added(Type="AWS::KMS::Key", Properties={"EnableKeyRotation": True, "KeyPolicy": {"Statement": []}}),
            Kind.COST,
        ),
    ],
)
def test_a_risk_is_in_its_place(edit: Edit, kind: Kind) -> None:
    found = of(shop, edit)
    assert kind in {finding.kind for finding in found}, lines(found)
    assert found[0].kind <= kind


# --- what must not alarm anybody


def described(body: TemplateBody) -> None:
    body["Description"] = "Another text"


def tagged(body: TemplateBody) -> None:
    properties(body, "SQS::Queue", "Orders")["Tags"] = [{"Key": "team", "Value": "orders"}]


def other_hash(body: TemplateBody) -> None:
    properties(body, "Lambda::Function")["Code"] = {"S3Key": "b.zip"}


def statement_order(body: TemplateBody) -> None:
    [statement] = properties(body, "IAM::Policy")["PolicyDocument"]["Statement"]
    statement["Action"].reverse()


def split_statement(body: TemplateBody) -> None:
    document = properties(body, "IAM::Policy")["PolicyDocument"]
    [statement] = document["Statement"]
    document["Statement"] = [statement | {"Action": action} for action in statement["Action"]]


def new_function(body: TemplateBody) -> None:
    body["Resources"]["Other1A2B3C4D"] = function = copy.deepcopy(body["Resources"]["Worker1A2B3C4D"])
    body["Resources"]["OtherRole1A2B3C4D"] = copy.deepcopy(body["Resources"]["WorkerRole1A2B3C4D"])
    function["Properties"]["Role"] = {"Fn::GetAtt": ["OtherRole1A2B3C4D", "Arn"]}


def in_another_order(body: TemplateBody) -> None:
    body["Resources"] = dict(reversed(body["Resources"].items()))


def alarm_in_other_words(body: TemplateBody) -> None:
    properties(body, "CloudWatch::Alarm")["AlarmDescription"] = "Something failed"


def renamed_policy(body: TemplateBody) -> None:
    body["Resources"]["WorkerRights99999999"] = body["Resources"].pop(id_of(body, "IAM::Policy"))


@pytest.mark.parametrize(
    "edit",
    [
        described,
        tagged,
        other_hash,
        statement_order,
        split_statement,
        new_function,
        in_another_order,
        alarm_in_other_words,
        renamed_policy,
        policy(Action=["dynamodb:GetItem"]),
        policy(Condition={"StringEquals": {"aws:ResourceTag/team": "orders"}}),
        at("Lambda::Function", "Worker", Timeout=20),
        at("Lambda::Function", "Worker", MemorySize=512),
        at("Lambda::EventSourceMapping", "Reads", BatchSize=5),
        at("SQS::Queue", "Orders", VisibilityTimeout=120),
        at("SQS::Queue", "Orders", MessageRetentionPeriod=1209600),
        at("SNS::Subscription", "Subscription", FilterPolicy={"total": [{"numeric": [">=", 2000]}]}),
        at("DynamoDB::Table", "Table", BillingMode="PAY_PER_REQUEST"),
        gone("ApiGatewayV2::Route"),
        added(Type="AWS::SSM::Parameter", Properties={"Type": "String", "Value": "1"}),
        added(Type="AWS::CloudWatch::Alarm", Properties={"Dimensions": [], "Threshold": 5}),
        added(Type="AWS::CDK::Metadata", Properties={"Analytics": "v2:1"}),
    ],
)
def test_what_is_harmless_is_not_a_risk(edit: Edit) -> None:
    found = of(shop, edit)
    assert [line for line in lines(found) if not line.startswith(("ALSO", "COST", "  "))] == []


@pytest.mark.parametrize("system", [shop, chat, chat_tables, iot])
def test_the_same_template_is_no_change(system: Callable[[], TemplateBody]) -> None:
    assert changes(system(), system()) == []
    assert of(system, in_another_order) == []


def test_a_function_that_takes_the_role_of_another_may_do_as_much() -> None:
    def shared(body: TemplateBody) -> None:
        body["Resources"]["Other1A2B3C4D"] = copy.deepcopy(body["Resources"]["Worker1A2B3C4D"])

    assert lines(of(shop, shared))[:2] == [
        "IAM Other is new, and may do something",
        "  now   may dynamodb GetItem, PutItem on Table",
    ]


def test_a_refusal_for_any_resource_that_is_gone_is_told_while_its_function_is_there() -> None:
    before = shop()
    statements = properties(before, "IAM::Policy")["PolicyDocument"]["Statement"]
    statements.append({"Action": "dynamodb:DeleteItem", "Effect": "Deny", "Resource": "*"})
    assert lines(changes(before, shop())) == [
        "IAM nothing refuses any more what was refused on *",
        "  was   Worker must not dynamodb DeleteItem on any resource",
    ]
    without = edited(shop(), lambda body: body["Resources"].pop("Worker1A2B3C4D") and None)
    assert [line for line in lines(changes(before, without)) if line.startswith("IAM nothing")] == []


def test_booleans_have_their_values() -> None:
    found = of(shop, at("Lambda::EventSourceMapping", "Reads", Enabled=False))
    assert lines(found) == ["ALSO Reads (Lambda::EventSourceMapping) changed", "  Enabled   none -> false"]


def test_a_new_stack_is_told_by_what_it_opens() -> None:
    found = compare(Compared("Shop", None, Template("Shop", shop())))
    assert [line for line in lines(found) if line.startswith("PUBLIC")] == [
        "PUBLIC new way in that asks for nothing: Api GET /health"
    ]


def test_a_removed_stack_is_told_by_the_data_that_it_had() -> None:
    found = compare(Compared("Shop", Template("Shop", shop()), None))
    assert lines(found)[:2] == ["DATA table Table is removed", "  the old one stays, and nothing uses it"]
