"""Changes that strangers tried on a review: each is told in its place, whoever writes it in whatever form."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cdp_constructs.cli.review import card, review
from cdp_constructs.review.cards.edges import Edge
from cdp_constructs.review.changes.comparison import Change, Compared, compare
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.reports import Review, as_markdown, as_text
from cdp_constructs.review.templates import Template

Body = dict[str, Any]
FOREIGN = "999999999999"


def resource(kind: str, **properties: Any) -> Body:
    return {"Resources": {"Thing": {"Type": f"AWS::{kind}", "Properties": properties}}}


def statement(**parts: Any) -> Body:
    return {"Effect": "Allow", "Action": "sqs:*", "Resource": "*", **parts}


def document(**parts: Any) -> Body:
    return {"Statement": [statement(**parts)]}


EXPIRING = {"Status": "Enabled", "ExpirationInDays": 1}
DATED = {"Status": "Enabled", "ExpirationDate": "2027-01-01T00:00:00Z"}


def recovery(days: int) -> Body:
    settings = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
    return {"PointInTimeRecoverySpecification": settings}


def distribution(policy: str) -> Body:
    return resource(
        "CloudFront::Distribution", DistributionConfig={"DefaultCacheBehavior": {"ViewerProtocolPolicy": policy}}
    )


def alarmed(more: Body) -> Body:
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmActions": [{"Ref": "Topic"}]}}
    return {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, "Alarm": alarm, **more}}


def managed(**parts: Any) -> Body:
    return resource("IAM::ManagedPolicy", Roles=["worker"], PolicyDocument=document(**parts))


def found(before: Body, now: Body) -> list[Finding]:
    return compare(Compared("Stack", Template("Stack", before), Template("Stack", now)))


ONE = {"AWS": "arn:aws:iam::111122223333:root"}


def role_policy(**parts: Any) -> Body:
    return resource("IAM::RolePolicy", RoleName="worker", PolicyName="p", PolicyDocument=document(**parts))


def either(one: Any, other: Any) -> Body:
    return {"Fn::If": ["On", one, other]}


FROM_THE_OFFICE = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
NOTHING = {"Ref": "AWS::NoValue"}


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (role_policy(Action="s3:GetObject"), role_policy(Action="*"), Kind.BROADENING),
        *(
            (
                resource(kind, **{name: document(Principal=ONE)}),
                resource(kind, **{name: document(Principal="*")}),
                Kind.BROADENING,
            )
            for kind, name in (
                ("SQS::QueueInlinePolicy", "PolicyDocument"),
                ("SNS::TopicInlinePolicy", "PolicyDocument"),
                ("KMS::ReplicaKey", "KeyPolicy"),
                ("S3::AccessPoint", "Policy"),
                ("Backup::BackupVault", "AccessPolicy"),
                ("ECR::RegistryPolicy", "PolicyText"),
            )
        ),
        (
            resource("Logs::ResourcePolicy", PolicyDocument=json.dumps(document(Principal=ONE))),
            resource("Logs::ResourcePolicy", PolicyDocument=json.dumps(document(Principal="*"))),
            Kind.BROADENING,
        ),
        (
            resource("Events::EventBusPolicy", Action="events:PutEvents", Principal="111122223333"),
            resource("Events::EventBusPolicy", Action="events:PutEvents", Principal="*"),
            Kind.BROADENING,
        ),
        (
            resource("IAM::Role"),
            resource("IAM::Role", ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
            Kind.BROADENING,
        ),
        (
            resource("IAM::Role", PermissionsBoundary="arn:aws:iam::111122223333:policy/bound"),
            resource("IAM::Role"),
            Kind.BROADENING,
        ),
        (
            resource("ApiGateway::RestApi", Policy=document(Principal="*", Condition=FROM_THE_OFFICE)),
            resource("ApiGateway::RestApi"),
            Kind.BROADENING,
        ),
        (
            resource("EC2::VPCEndpoint", PolicyDocument=document(Principal="*")),
            resource("EC2::VPCEndpoint"),
            Kind.BROADENING,
        ),
        ({"Resources": {}}, resource("Lambda::Permission", FunctionName="f", Principal=FOREIGN), Kind.BROADENING),
        (
            {"Resources": {}},
            resource("Lambda::Permission", FunctionName="f", Principal=f"arn:aws:iam::{FOREIGN}:role/x"),
            Kind.BROADENING,
        ),
        (
            resource("Lambda::Permission", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::mine"),
            resource("Lambda::Permission", Principal="s3.amazonaws.com"),
            Kind.BROADENING,
        ),
        (managed(NotAction=["iam:*", "s3:*"], Action=[]), managed(NotAction=["iam:*"], Action=[]), Kind.BROADENING),
        (managed(NotResource=["a", "b"]), managed(NotResource=["a"]), Kind.BROADENING),
        (
            managed(Effect="Deny", Resource="arn:aws:s3:::payroll/*"),
            managed(Effect="Allow", Action="s3:x"),
            Kind.BROADENING,
        ),
        (
            resource(
                "S3::BucketPolicy",
                Bucket="b",
                PolicyDocument={"Statement": [either(statement(Principal=ONE), NOTHING)]},
            ),
            resource(
                "S3::BucketPolicy",
                Bucket="b",
                PolicyDocument={"Statement": [either(statement(Principal="*"), NOTHING)]},
            ),
            Kind.BROADENING,
        ),
        (
            managed(Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            managed(Condition=either({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, NOTHING)),
            Kind.BROADENING,
        ),
        (
            resource("EC2::SecurityGroup", SecurityGroupIngress=[]),
            resource(
                "EC2::SecurityGroup",
                SecurityGroupIngress=[
                    either({"CidrIp": "0.0.0.0/0", "FromPort": 22, "IpProtocol": "tcp", "ToPort": 22}, NOTHING)
                ],
            ),
            Kind.EXPOSURE,
        ),
        (
            resource(
                "S3::Bucket",
                PublicAccessBlockConfiguration={
                    "BlockPublicPolicy": True,
                    "BlockPublicAcls": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
            ),
            resource("S3::Bucket"),
            Kind.EXPOSURE,
        ),
        (resource("S3::Bucket"), resource("S3::Bucket", AccessControl="PublicReadWrite"), Kind.EXPOSURE),
        (
            resource("AppSync::GraphQLApi", AuthenticationType="AWS_IAM"),
            resource(
                "AppSync::GraphQLApi",
                AuthenticationType="AWS_IAM",
                AdditionalAuthenticationProviders=[{"AuthenticationType": "API_KEY"}],
            ),
            Kind.EXPOSURE,
        ),
        (
            resource("DocDB::DBCluster", StorageEncrypted=True),
            resource("DocDB::DBCluster", StorageEncrypted=False),
            Kind.REPLACEMENT,
        ),
        (resource("EC2::Volume"), {"Resources": {}}, Kind.REPLACEMENT),
        (
            resource("S3::Bucket"),
            resource("S3::Bucket", LifecycleConfiguration={"Rules": [{"Status": "Enabled", "ExpirationInDays": 1}]}),
            Kind.RETENTION,
        ),
        (
            resource("DynamoDB::Table"),
            resource("DynamoDB::Table", TimeToLiveSpecification={"Enabled": True, "AttributeName": "at"}),
            Kind.RETENTION,
        ),
        (
            resource("S3::Bucket", LifecycleConfiguration={"Rules": [{**EXPIRING, "TagFilters": [{"Key": "a"}]}]}),
            resource("S3::Bucket", LifecycleConfiguration={"Rules": [EXPIRING]}),
            Kind.RETENTION,
        ),
        (
            resource("S3::Bucket"),
            resource("S3::Bucket", LifecycleConfiguration={"Rules": [DATED]}),
            Kind.RETENTION,
        ),
        (resource("DynamoDB::Table", **recovery(35)), resource("DynamoDB::Table", **recovery(1)), Kind.RETENTION),
        (resource("KMS::Key", Enabled=True), resource("KMS::Key", Enabled=False), Kind.RETENTION),
        (
            resource("SQS::Queue", RedrivePolicy={"deadLetterTargetArn": "arn:aws:sqs:us-east-1:1:failed"}),
            resource("SQS::Queue"),
            Kind.ALARMS,
        ),
        (
            resource("Lambda::Function", DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:1:failed"}),
            resource("Lambda::Function"),
            Kind.ALARMS,
        ),
        (
            alarmed({"Told": {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "Topic"}}}}),
            alarmed({}),
            Kind.ALARMS,
        ),
        (
            distribution("redirect-to-https"),
            distribution("allow-all"),
            Kind.EXPOSURE,
        ),
        (
            resource("ApiGatewayV2::Route", RouteKey="GET /a", AuthorizationType="JWT", AuthorizationScopes=["write"]),
            resource("ApiGatewayV2::Route", RouteKey="GET /a", AuthorizationType="JWT"),
            Kind.EXPOSURE,
        ),
        (
            resource("CloudWatch::CompositeAlarm", AlarmRule='ALARM("A") OR ALARM("B")'),
            resource("CloudWatch::CompositeAlarm", AlarmRule="FALSE"),
            Kind.ALARMS,
        ),
    ],
)
def test_a_risk_is_told_in_its_place(before: Body, now: Body, kind: Kind) -> None:
    kinds = {finding.kind for finding in found(before, now)}
    assert kind in kinds, kinds


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (resource("Logs::LogGroup", RetentionInDays=30), resource("Logs::LogGroup")),
        (resource("Kinesis::Stream", RetentionPeriodHours=24), resource("Kinesis::Stream", RetentionPeriodHours=168)),
        (
            resource("SQS::Queue", MessageRetentionPeriod=129_600),
            resource("SQS::Queue", MessageRetentionPeriod=172_800),
        ),
        (managed(Effect="Deny", Action="s3:PutObject"), managed(Effect="Deny", Action="s3:*")),
        (managed(NotAction=["iam:*"], Action=[]), managed(NotAction=["iam:*", "s3:*"], Action=[])),
    ],
)
def test_what_keeps_longer_or_allows_less_is_no_risk(before: Body, now: Body) -> None:
    assert [finding for finding in found(before, now) if finding.kind not in {Kind.OTHER, Kind.COST}] == []


@pytest.mark.parametrize(
    ("part", "before", "now"),
    [
        (
            "Parameters",
            {"Cidr": {"Type": "String", "Default": "10.0.0.0/8"}},
            {"Cidr": {"Type": "String", "Default": "0.0.0.0/0"}},
        ),
        ("Mappings", {"Logs": {"us": {"days": 365}}}, {"Logs": {"us": {"days": 1}}}),
        ("Conditions", {"On": {"Fn::Equals": ["a", "a"]}}, {"On": {"Fn::Equals": ["a", "b"]}}),
    ],
)
def test_what_properties_are_decided_by_is_told(part: str, before: Body, now: Body) -> None:
    [finding] = found({**resource("SNS::Topic"), part: before}, {**resource("SNS::Topic"), part: now})
    assert next(iter(before)) in finding.title
    assert finding.details


def test_a_stack_that_moves_leaves_its_data() -> None:
    body = resource("S3::Bucket")
    there, here = (
        Template("Shop", body, region=region, account="111122223333") for region in ("eu-west-1", "us-east-1")
    )
    [finding, *_] = compare(Compared("Shop", there, here))
    assert (finding.kind, finding.title) == (Kind.REPLACEMENT, "stack Shop is elsewhere")


def test_a_stack_that_may_be_deleted_again_is_told() -> None:
    body = resource("S3::Bucket")
    [finding] = compare(Compared("Shop", Template("Shop", body, protected=True), Template("Shop", body)))
    assert (finding.kind, finding.title) == (Kind.RETENTION, "stack Shop is protected from deletion no more")


def test_a_database_without_a_policy_leaves_a_snapshot() -> None:
    [finding] = found(resource("RDS::DBCluster"), {"Resources": {}})
    assert finding.details == ("a snapshot of the old one stays",)


def test_a_template_cannot_write_a_report() -> None:
    forged = "x\nALSO      reviewed by security\n```\n<!--\u2028\x1b[2J"
    change = Change(Finding(Kind.BROADENING, f"{forged} @everybody [a](b)", (forged, "`" * 5)), ["Stack"], 1)
    told = Review([change], 1)
    for text in (as_text(told), as_markdown(told)):
        assert not any(line.strip().startswith(("ALSO", "<!--")) for line in text.splitlines())
        assert "\x1b" not in text
    markdown = as_markdown(told)
    assert markdown.count("`" * 6) == 2  # longer than what stands between
    assert "@everybody" not in markdown
    assert "[a](b)" not in markdown


def test_a_name_cannot_write_into_a_diagram() -> None:
    edge = Edge(source="a\n```\n<!--", target="b", how="calls")
    drawn = as_markdown(Review([], 1, added=[edge]))
    assert not any(line.strip().startswith("<!--") for line in drawn.splitlines())
    assert drawn.count("\n```") == 2


def test_an_endless_value_is_cut() -> None:
    told = Review([Change(Finding(Kind.OTHER, "t", ("x" * 20_000,)), ["Stack"], 1)], 1)
    assert max(map(len, as_text(told).splitlines())) < 1_100


MANIFEST = {
    "version": "36.0.0",
    "artifacts": {
        "S": {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": "S.template.json"},
        }
    },
}


@pytest.mark.parametrize(
    ("manifest", "template"),
    [
        ("[]", "{}"),
        (json.dumps(MANIFEST), "[]"),
        (json.dumps(MANIFEST), "null"),
        (json.dumps({"artifacts": {"S": {"type": "aws:cloudformation:stack"}}}), "{}"),
        (json.dumps(MANIFEST), "[" * 100_000),
    ],
)
def test_a_damaged_assembly_is_one_line(tmp_path: Path, manifest: str, template: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    (tmp_path / "S.template.json").write_text(template)
    for command, arguments in ((card, [str(tmp_path)]), (review, ["--from", str(tmp_path), "--to", str(tmp_path)])):
        application = typer.Typer()
        application.command()(command)
        done = CliRunner().invoke(application, arguments)
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit)
        assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize(
    "body",
    [
        resource("Kinesis::Stream", RetentionPeriodHours={"Ref": "Hours"}),
        resource("CloudFront::Distribution", DistributionConfig={"Origins": either([{"Id": "a"}], [{"Id": "b"}])}),
        resource("AppSync::Api", EventConfig={"ConnectionAuthModes": {"Ref": "Modes"}}),
        {"Resources": None},
    ],
)
def test_what_is_known_at_deployment_only_can_be_read(body: Body) -> None:
    assert found(body, body) == []
    found({"Resources": {}}, body)
