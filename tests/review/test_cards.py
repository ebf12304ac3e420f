"""A card says in sentences what a template says, and changes by a line where the architecture changes by one thing."""

import difflib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from cdp_constructs.review.cards.card import Card
from cdp_constructs.review.cards.formats import as_markdown, as_mermaid, as_text
from cdp_constructs.review.templates import Template
from tests.review.templates import TemplateBody, chat, edited, iot, properties, shop


def card(body: TemplateBody, name: str = "Shop") -> str:
    return as_text(Card(Template(name, body)))


def changed_lines(before: str, now: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


def test_a_card_is_what_a_person_would_write() -> None:
    assert (
        card(shop())
        == """\
Shop: A shop
  runs      1 function
  answers   1 API, 1 route
  passes on 1 topic, 2 queues, 1 event source mapping
  keeps     1 table
  watches   1 alarm
  acts as   1 role
sends
  Api -> Worker   requests
  OrdersQueue -> Worker   10 a batch
  OrdersTopic -> OrdersQueue   if total >= 1000
  Worker -> Table   reads, writes
may
  * requests without TLS are not refused by the queues Failed, OrdersQueue
  * requests without TLS are not refused by the topic OrdersTopic
    Worker may dynamodb GetItem, PutItem on Table
internet
  * Api GET /health -> Worker   asks for nothing
at rest
  queue Failed, under SQS's own key, 14 days, not retained on deletion and replacement
  queue OrdersQueue, under SQS's own key, 4 days, not retained on deletion and replacement
  table Table, under DynamoDB's own key, point-in-time recovery, retained on deletion and replacement
  topic OrdersTopic, under no key, not retained on deletion and replacement
fails to
    OrdersQueue received: after 5 deliveries -> Failed   alarm FailedAlarm
  * OrdersTopic to OrdersQueue: what cannot be delivered is LOST
limits
  256 MB, 10 seconds a call: Worker
  visible again after 1 minute: OrdersQueue
accepted: no finding
costs at rest
  $0.10 a month (1 alarm $0.10; list prices of us-east-1, November 2026, use comes on top)
"""
    )


@pytest.mark.parametrize("system", [chat, iot])
def test_a_whole_system_fits_on_a_few_pages(system: Callable[[], TemplateBody]) -> None:
    lines = card(system()).splitlines()
    assert len(lines) <= 350
    assert lines.index("sends") <= 30


@pytest.mark.parametrize("system", [chat, iot])
def test_nothing_of_our_systems_is_lost_or_silent(system: Callable[[], TemplateBody]) -> None:
    failures = Card(Template("System", system())).failures
    assert len(failures) > 10
    assert [str(failure) for failure in failures if not failure.whole] == []


def code_of_a_function(body: TemplateBody) -> None:
    for one in body["Resources"].values():
        if one["Type"] == "AWS::Lambda::Function":
            one["Properties"]["Code"] = {"S3Bucket": "other", "S3Key": "other.zip"}


def other_layer(body: TemplateBody) -> None:
    for one in body["Resources"].values():
        if one["Type"] == "AWS::Lambda::LayerVersion":
            one["Properties"]["Content"] = {"S3Bucket": "other", "S3Key": "other.zip"}


def version_of_the_cdk(body: TemplateBody) -> None:
    body["Resources"]["CDKMetadata"] = {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:deflate64:H4sI"}}


def order_of_resources(body: TemplateBody) -> None:
    body["Resources"] = dict(reversed(body["Resources"].items()))


@pytest.mark.parametrize("edit", [code_of_a_function, other_layer, version_of_the_cdk, order_of_resources])
@pytest.mark.parametrize("system", [chat, iot])
def test_what_aws_does_not_see_changes_no_line(
    edit: Callable[[TemplateBody], None], system: Callable[[], TemplateBody]
) -> None:
    assert changed_lines(card(system()), card(edited(system(), edit))) == []


def test_an_asset_that_somebody_may_read_has_no_hash() -> None:
    def reading(hash_: str) -> list[str]:
        def grant(body: TemplateBody) -> None:
            statements = properties(body, "IAM::Policy", "MessagesArchiver")["PolicyDocument"]["Statement"]
            where = {
                "Fn::Sub": f"arn:${{AWS::Partition}}:s3:::cdk-hnb659fds-assets-${{AWS::AccountId}}-here/{hash_}.zip"
            }
            statements.append({"Effect": "Allow", "Action": "s3:GetObject", "Resource": where})

        return card(edited(chat(), grant)).splitlines()

    assert reading("0a" * 32) == reading("1b" * 32)
    assert any("s3 GetObject" in line and "-here/(asset).zip" in line for line in reading("0a" * 32))


def test_one_grant_changes_its_line_only() -> None:
    def grant(body: TemplateBody) -> None:
        statements = properties(body, "IAM::Policy", "MessagesArchiver")["PolicyDocument"]["Statement"]
        statement = next(one for one in statements if "s3:PutObject" in json.dumps(one))
        statement["Action"] = ["s3:PutObject", "s3:DeleteObject"]

    changed = changed_lines(card(chat()), card(edited(chat(), grant)))
    assert changed == [
        "-    MessagesArchiver may s3 PutObject on MessagesArchiveBucket/messages/*",
        "+    MessagesArchiver may s3 DeleteObject, PutObject on MessagesArchiveBucket/messages/*",
    ]


def route(**more: Any) -> TemplateBody:
    body = shop()
    body["Resources"]["Health1A2B3C4D"]["Properties"] |= more
    return body


@pytest.mark.parametrize(
    ("kind", "resource", "line"),
    [
        ("AWS::Lambda::Url", {"AuthType": "NONE", "TargetFunctionArn": "f"}, "* URL of f   asks for nothing"),
        ("AWS::Lambda::Url", {"AuthType": "AWS_IAM", "TargetFunctionArn": "f"}, "  URL of f   asks for IAM signature"),
        (
            "AWS::S3::Bucket",
            {
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                }
            },
            "* New without BlockPublicPolicy   asks for what its policy and ACLs say",
        ),
        (
            "AWS::EC2::SecurityGroup",
            {"SecurityGroupIngress": [{"CidrIp": "0.0.0.0/0", "FromPort": 22, "IpProtocol": "tcp", "ToPort": 22}]},
            "* New tcp port 22   asks for nothing, from any address",
        ),
        (
            "AWS::S3::BucketPolicy",
            {
                "Bucket": "files",
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Action": "s3:GetObject",
                            "Effect": "Allow",
                            "Principal": "*",
                            "Resource": "arn:aws:s3:::files/*",
                        }
                    ]
                },
            },
            "* s3:files/* s3 GetObject   asks for nothing",
        ),
        ("AWS::RDS::DBInstance", {"PubliclyAccessible": True}, "* New   asks for a password, from any address"),
        (
            "AWS::Cognito::UserPool",
            {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False}},
            "* New sign-up   asks for nothing, who signs up gets an account",
        ),
    ],
)
def test_a_way_in_is_on_the_card(kind: str, resource: dict[str, Any], line: str) -> None:
    body = {"Resources": {"New1A2B3C4D": {"Type": kind, "Properties": resource}}}
    assert line in card(body)


def test_a_function_that_an_event_invokes_without_a_place_for_failures_stands_out() -> None:
    body = shop()
    body["Resources"]["Rule1A2B3C4D"] = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "ScheduleExpression": "rate(1 hour)",
            "Targets": [{"Arn": {"Fn::GetAtt": ["Worker1A2B3C4D", "Arn"]}, "Id": "Target0"}],
        },
    }
    text = card(body)
    assert "* Worker invoked: what fails twice more is LOST" in text
    assert "* Rule to Worker: what cannot be delivered is LOST" in text
    assert "Rule -> Worker   rate(1 hour)" in text


def test_markdown_has_the_diagram_and_every_section() -> None:
    text = as_markdown(Card(Template("Shop", shop())))
    assert "```mermaid\nflowchart LR\n" in text
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        "### Sends",
        "### May",
        "### Internet",
        "### At rest",
        "### Fails to",
        "### Limits",
        "### Accepted",
        "### Costs at rest",
    ]


def test_a_diagram_has_a_node_for_each_end_and_quotes_names() -> None:
    body = shop()
    body["Resources"]["Subscription1A2B3C4D"]["Properties"] |= {
        "Protocol": "https",
        "Endpoint": 'https://a.example/"<x>',
    }
    lines = as_mermaid(Card(Template("Shop", body))).splitlines()
    assert lines[0] == "flowchart LR"
    [node] = [line.split("[")[0].strip() for line in lines if '["https https://a.example/&quot;&lt;x&gt;"]' in line]
    [topic] = [line.split("[")[0].strip() for line in lines if '["OrdersTopic"]' in line]
    assert f'  {topic} -->|"if total &gt;= 1000"| {node}' in lines


def test_a_diagram_has_the_ways_in_and_where_failures_go() -> None:
    text = as_mermaid(Card(Template("Shop", shop())))
    nodes = {name: node for node, name in re.findall(r'  (n\d+)\W+"(.*?)"', text.partition(" -->")[0])}
    assert f"{nodes['internet']} --> {nodes['Api']}" in text
    assert f'{nodes["OrdersQueue"]} -.->|"what fails"| {nodes["Failed"]}' in text
    assert '(["Worker"])' in text
    assert '[("Table")]' in text


def test_an_arrow_from_the_internet_is_bare_where_a_redirect_asks_for_nothing() -> None:
    kind, properties = LISTENER
    redirect = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "StatusCode": "HTTP_301"}}
    plain = {**properties, "Port": 80, "Protocol": "HTTP", "DefaultActions": [redirect]}
    text = as_mermaid(Card(Template("Shop", body(Balancer=BALANCER, Plain=(kind, plain)))))
    assert " --> " in text
    assert "nothing" not in text


def test_a_card_that_fits_on_a_page_has_no_summary() -> None:
    assert "sentence" not in card(shop())
    assert re.search(r"^  may +\d+ sentences, \d+ of them wide$", card(chat()), re.MULTILINE)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Resources": {}},
        {"Resources": {"A": {"Type": "AWS::S3::Bucket"}}},
        {"Resources": {"A": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Fn::If": ["C", {}, {}]}}}}},
        {"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"Fn::Transform": "x"}}}},
    ],
)
def test_templates_of_any_kind_have_a_card(body: TemplateBody) -> None:
    assert card(body).startswith("Shop\n")


def body(**resources: tuple[str, dict[str, Any]]) -> TemplateBody:
    return {"Resources": {name: {"Type": kind, "Properties": more} for name, (kind, more) in resources.items()}}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def arn(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


FUNCTION: tuple[str, dict[str, Any]] = ("AWS::Lambda::Function", {"Role": arn("Role")})
ROLE: tuple[str, dict[str, Any]] = ("AWS::IAM::Role", {})
BALANCER: tuple[str, dict[str, Any]] = (
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    {"SecurityGroups": [ref("Front")], "Subnets": ["subnet-1", "subnet-2"]},
)
LISTENER: tuple[str, dict[str, Any]] = (
    "AWS::ElasticLoadBalancingV2::Listener",
    {
        "LoadBalancerArn": ref("Balancer"),
        "Port": 443,
        "Protocol": "HTTPS",
        "DefaultActions": [{"Type": "fixed-response"}],
    },
)
TARGETS: tuple[str, dict[str, Any]] = ("AWS::ElasticLoadBalancingV2::TargetGroup", {})
SERVICE: tuple[str, dict[str, Any]] = (
    "AWS::ECS::Service",
    {
        "TaskDefinition": ref("Task"),
        "LoadBalancers": [{"ContainerPort": 8080, "TargetGroupArn": ref("Targets")}],
        "NetworkConfiguration": {"AwsvpcConfiguration": {"SecurityGroups": [ref("Servers")]}},
    },
)


def policy(*statements: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "AWS::IAM::Policy", {"Roles": [ref("Role")], "PolicyDocument": {"Statement": list(statements)}}


@pytest.mark.parametrize(
    ("resources", "line"),
    [
        (
            {
                "Balancer": BALANCER,
                "Listener": LISTENER,
                "Targets": TARGETS,
                "Service": SERVICE,
                "Task": ("AWS::ECS::TaskDefinition", {}),
                "Rule": (
                    "AWS::ElasticLoadBalancingV2::ListenerRule",
                    {
                        "ListenerArn": ref("Listener"),
                        "Actions": [{"Type": "forward", "TargetGroupArn": ref("Targets")}],
                        "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/shop/*"]}}],
                    },
                ),
            },
            "  Balancer -> Service   port 8080, requests for /shop/*",
        ),
        (
            {
                "Service": SERVICE,
                "Servers": ("AWS::EC2::SecurityGroup", {}),
                "Data": ("AWS::EC2::SecurityGroup", {}),
                "Cache": ("AWS::ElastiCache::ReplicationGroup", {"SecurityGroupIds": [ref("Data")]}),
                "Let": (
                    "AWS::EC2::SecurityGroupIngress",
                    {"GroupId": ref("Data"), "SourceSecurityGroupId": ref("Servers"), "FromPort": 6379, "ToPort": 6379},
                ),
            },
            "  Service -> Cache   connects to port 6379",
        ),
        (
            {
                "Service": SERVICE,
                "Files": ("AWS::EFS::FileSystem", {}),
                "Folder": (
                    "AWS::EFS::AccessPoint",
                    {"FileSystemId": ref("Files"), "RootDirectory": {"Path": "/images"}},
                ),
                "Task": (
                    "AWS::ECS::TaskDefinition",
                    {
                        "Volumes": [
                            {
                                "EFSVolumeConfiguration": {
                                    "FilesystemId": ref("Files"),
                                    "AuthorizationConfig": {"AccessPointId": ref("Folder")},
                                }
                            }
                        ]
                    },
                ),
            },
            "  Service -> Files   mounts its /images",
        ),
        (
            {
                "Service": SERVICE,
                "Secret": ("AWS::SecretsManager::Secret", {}),
                "Task": (
                    "AWS::ECS::TaskDefinition",
                    {"ContainerDefinitions": [{"Secrets": [{"Name": "TOKEN", "ValueFrom": ref("Secret")}]}]},
                ),
            },
            "  Service -> Secret   reads at its start",
        ),
        (
            {
                "Site": (
                    "AWS::CloudFront::Distribution",
                    {
                        "DistributionConfig": {
                            "Origins": [{"Id": "a", "DomainName": arn("Bucket", "RegionalDomainName")}],
                            "CacheBehaviors": [{"PathPattern": "/a/*", "TargetOriginId": "a"}],
                        }
                    },
                ),
                "Bucket": ("AWS::S3::Bucket", {}),
            },
            "  Site -> Bucket   requests for /a/*",
        ),
        (
            {
                "Name": (
                    "AWS::Route53::RecordSet",
                    {
                        "Name": "shop.example.com.",
                        "Type": "A",
                        "Region": "eu-west-1",
                        "HealthCheckId": ref("Check"),
                        "AliasTarget": {"DNSName": arn("Balancer", "DNSName")},
                    },
                ),
                "Balancer": BALANCER,
                "Check": ("AWS::Route53::HealthCheck", {}),
            },
            "  shop.example.com -> Balancer   for those near eu-west-1, while Check passes",
        ),
        (
            {
                "Rotation": (
                    "AWS::SecretsManager::RotationSchedule",
                    {
                        "SecretId": ref("Secret"),
                        "RotationLambdaARN": arn("Function"),
                        "RotationRules": {"AutomaticallyAfterDays": 30},
                    },
                ),
                "Secret": ("AWS::SecretsManager::Secret", {}),
                "Function": FUNCTION,
            },
            "  Secret -> Function   is rotated every 30 days",
        ),
        (
            {
                "Source": (
                    "AWS::AppSync::DataSource",
                    {"ApiId": arn("Api", "ApiId"), "LambdaConfig": {"LambdaFunctionArn": arn("Function")}},
                ),
                "Api": ("AWS::AppSync::Api", {}),
                "Function": FUNCTION,
            },
            "  Api -> Function   asks",
        ),
        (
            {
                "Function": FUNCTION,
                "Role": ROLE,
                "Policy": policy(
                    {"Effect": "Allow", "Action": ["sqs:ReceiveMessage"], "Resource": arn("Queue")},
                ),
                "Queue": ("AWS::SQS::Queue", {}),
            },
            "  Queue -> Function   polled",
        ),
        (
            {
                "Function": FUNCTION,
                "Role": ROLE,
                "Policy": policy(
                    {
                        "Effect": "Allow",
                        "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
                        "Resource": "*",
                    },
                ),
            },
            "    Function may send traces to X-Ray",
        ),
        (
            {"Devices": ("AWS::IoT::Policy", {"PolicyDocument": {"Statement": []}})},
            "    Devices by MQTT   asks for a device certificate",
        ),
        (
            {
                "Files": (
                    "AWS::EFS::FileSystem",
                    {
                        "FileSystemPolicy": {
                            "Statement": {
                                "Effect": "Deny",
                                "Principal": {"AWS": "*"},
                                "Action": "elasticfilesystem:ClientMount",
                                "Condition": {"Null": {"aws:TokenIssueTime": "true"}},
                            }
                        }
                    },
                )
            },
            "    everybody must not elasticfilesystem ClientMount on Files, if aws:TokenIssueTime is not given",
        ),
    ],
)
def test_a_card_says_how_parts_hang_together(resources: dict[str, tuple[str, dict[str, Any]]], line: str) -> None:
    assert line in card(body(**resources)).splitlines()


def test_the_ports_of_a_load_balancer_are_told_once_by_its_listeners() -> None:
    ports = {"CidrIp": "0.0.0.0/0", "FromPort": 443, "IpProtocol": "tcp", "ToPort": 443}
    front = ("AWS::EC2::SecurityGroup", {"SecurityGroupIngress": [ports]})
    text = card(body(Balancer=BALANCER, Listener=LISTENER, Front=front))
    assert [line for line in text.splitlines() if "443" in line] == ["  * Balancer HTTPS 443   asks for nothing"]


@pytest.mark.parametrize(
    ("resources", "dollars"),
    [
        ({"Balancer": BALANCER}, "1 load balancer $23.73"),
        (
            {
                "Service": SERVICE,
                "Task": ("AWS::ECS::TaskDefinition", {"Cpu": "256", "Memory": "512"}),
                "Tasks": (
                    "AWS::ApplicationAutoScaling::ScalableTarget",
                    {"MinCapacity": 2, "ResourceId": {"Fn::Join": ["", ["service/", arn("Service", "Name")]]}},
                ),
            },
            "1 container service $18.02",
        ),
        (
            {
                "Cache": (
                    "AWS::ElastiCache::ReplicationGroup",
                    {"CacheNodeType": "cache.t4g.small", "Engine": "valkey", "NumCacheClusters": 2},
                )
            },
            "1 cache $37.38",
        ),
        (
            {
                "Site": (
                    "AWS::CloudFront::Distribution",
                    {"DistributionConfig": {"ViewerCertificate": {"SslSupportMethod": "vip"}}},
                )
            },
            "1 distribution $600.00",
        ),
    ],
)
def test_what_is_paid_at_rest(resources: dict[str, tuple[str, dict[str, Any]]], dollars: str) -> None:
    assert dollars in card(body(**resources))
