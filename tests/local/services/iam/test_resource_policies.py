"""Policies of resources are refused by every service that refuses them on AWS, in requests and in templates alike."""

import importlib.util
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud
from cdp_constructs.local.services.iam.resource_policies import POLICIES
from tests.local.refusals import fails, refusal
from tests.local.resources import FOR_FUNCTIONS, table

STATEMENT: Mapping[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}
MALFORMED = [
    "{",
    "[]",
    {"Statement": []},
    {"Statement": [{**STATEMENT, "Effect": "allow"}]},
    {"Statement": [{**STATEMENT, "Condtion": {}}]},
    {"Statement": [{name: value for name, value in STATEMENT.items() if name != "Principal"}]},
    {"Statement": [{name: value for name, value in STATEMENT.items() if name != "Action"}]},
    {"Statement": [{**STATEMENT, "Principal": {"AWS": "somebody"}}]},
    {"Statement": [{**STATEMENT, "Principal": {"Service": "lamda.amazonaws.com"}}]},
]


def text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def too_long(size: int) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{**STATEMENT, "Sid": "x" * size}]}


def log_group(cloud: LocalCloud, name: str) -> str:
    cloud.client("logs").create_log_group(logGroupName=name)
    return name


Put = Callable[[LocalCloud, str], Callable[[str], Any]]


def of_bus(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    events = cloud.client("events")
    events.create_event_bus(Name=name)
    return lambda policy: events.put_permission(EventBusName=name, Policy=policy)


def of_table(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    dynamodb = cloud.client("dynamodb")
    made = dynamodb.create_table(TableName=name, **table("id")["Properties"])
    arn = made["TableDescription"]["TableArn"]
    return lambda policy: dynamodb.put_resource_policy(ResourceArn=arn, Policy=policy)


def of_new_table(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    properties = table("id")["Properties"]
    return lambda policy: cloud.client("dynamodb").create_table(TableName=name, ResourcePolicy=policy, **properties)


def of_stream(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    kinesis = cloud.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    return lambda policy: kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)


def of_logs(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    return lambda policy: cloud.client("logs").put_resource_policy(policyName=name, policyDocument=policy)


def of_destination(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    logs = cloud.client("logs")
    role = "arn:aws:iam::000000000000:role/any"
    logs.put_destination(
        destinationName=name, targetArn="arn:aws:kinesis:us-east-1:000000000000:stream/any", roleArn=role
    )
    return lambda policy: logs.put_destination_policy(destinationName=name, accessPolicy=policy)


def of_repository(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName=name)
    return lambda policy: ecr.set_repository_policy(repositoryName=name, policyText=policy)


def of_file_system(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    efs = cloud.client("efs")
    made = efs.create_file_system(CreationToken=name)["FileSystemId"]
    return lambda policy: efs.put_file_system_policy(FileSystemId=made, Policy=policy)


def of_endpoint(cloud: LocalCloud, _name: str) -> Callable[[str], Any]:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    service = "com.amazonaws.us-east-1.s3"
    return lambda policy: ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, PolicyDocument=policy)


def of_domain(cloud: LocalCloud, name: str) -> Callable[[str], Any]:
    opensearch = cloud.client("opensearch")
    return lambda policy: opensearch.create_domain(DomainName=name[:28], AccessPolicies=policy)


REQUESTS: Mapping[str, tuple[Put, str, int]] = {
    "event bus": (of_bus, "ValidationException", 10_240),
    "table": (of_table, "ValidationException", 20_480),
    "new table": (of_new_table, "ValidationException", 20_480),
    "stream": (of_stream, "InvalidArgumentException", 0),
    "logs": (of_logs, "InvalidParameterException", 51_200),
    "destination": (of_destination, "InvalidParameterException", 51_200),
    "repository": (of_repository, "InvalidParameterException", 10_240),
    "file system": (of_file_system, "InvalidPolicyException", 20_000),
    "endpoint": (of_endpoint, "InvalidPolicyDocument", 20_480),
    "domain": (of_domain, "ValidationException", 102_400),
}
LIMITS = {"event bus": "PolicyLengthExceededException", "table": "LimitExceededException"}


@pytest.mark.parametrize("of", REQUESTS)
def test_requests_with_malformed_policies(cloud: LocalCloud, name: Callable[[str], str], of: str) -> None:
    make, code, most = REQUESTS[of]
    put = make(cloud, name(of.replace(" ", "-")))
    for document in MALFORMED:
        assert refusal(lambda: put(text(document))) == (code, 400), document  # noqa: B023
    if most:
        refused, _ = refusal(lambda: put(text(too_long(most))))
        assert "Exceeded" in refused or refused == code


def test_a_repository_names_no_resource_and_a_file_system_need_not(
    cloud: LocalCloud, name: Callable[[str], str]
) -> None:
    without = {key: value for key, value in STATEMENT.items() if key != "Resource"}
    put = of_repository(cloud, name("without"))
    assert refusal(lambda: put(text({"Statement": [STATEMENT]})))[0] == "InvalidParameterException"
    put(text({"Version": "2012-10-17", "Statement": [without]}))
    of_file_system(cloud, name("without"))(text({"Version": "2012-10-17", "Statement": [without]}))
    assert refusal(lambda: of_logs(cloud, name("x"))(text({"Statement": [without]})))[0] == "InvalidParameterException"


PRINCIPAL = {"Service": "lambda.amazonaws.com"}


def test_templates_with_malformed_policies(stacks: Any, name: Callable[[str], str]) -> None:
    nobody = {"Statement": [{key: value for key, value in STATEMENT.items() if key != "Principal"}]}
    wrong = {"PolicyDocument": nobody}
    says = "Missing required field Principal"
    bus = {"EventBusName": "default", "StatementId": "one", "Statement": nobody["Statement"][0]}
    fails(stacks, "AWS::Events::EventBusPolicy", bus, says=says)
    fails(stacks, "AWS::Events::EventBus", {"Name": name("bus"), "Policy": nobody}, says=says)
    plain = table("id")["Properties"]
    fails(stacks, "AWS::DynamoDB::Table", {**plain, "ResourcePolicy": wrong}, says=says)
    streaming = {"StreamViewType": "NEW_IMAGE", "ResourcePolicy": wrong}
    fails(stacks, "AWS::DynamoDB::Table", {**plain, "StreamSpecification": streaming}, says=says)
    replica = {"Region": "us-east-1", "ResourcePolicy": wrong}
    fails(stacks, "AWS::DynamoDB::GlobalTable", {**plain, "Replicas": [replica]}, says=says)
    service = {"PolicyDocument": {"Statement": [{**STATEMENT, "Principal": PRINCIPAL}]}}
    fails(stacks, "AWS::DynamoDB::Table", {**plain, "ResourcePolicy": service}, says="invalid service principal")
    stream = {"Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}}
    of_kinesis = {"ResourceArn": {"Fn::GetAtt": ["Stream", "Arn"]}, "ResourcePolicy": nobody}
    fails(stacks, "AWS::Kinesis::ResourcePolicy", of_kinesis, says=says, **stream)
    logs = {"PolicyName": name("logs"), "PolicyDocument": json.dumps(nobody)}
    fails(stacks, "AWS::Logs::ResourcePolicy", logs, says=says)
    fails(stacks, "AWS::Logs::ResourcePolicy", {**logs, "PolicyDocument": nobody}, says="expected type: String")
    fails(stacks, "AWS::Logs::LogGroup", {"ResourcePolicyDocument": nobody}, says=says)
    fails(stacks, "AWS::ECR::Repository", {"RepositoryPolicyText": nobody}, says=says)
    fails(stacks, "AWS::EFS::FileSystem", {"FileSystemPolicy": nobody}, says=says)
    fails(stacks, "AWS::ApiGateway::RestApi", {"Name": "api", "Policy": nobody}, says=says)
    fails(stacks, "AWS::S3::AccessPoint", {"Bucket": "any", "Policy": nobody}, says=says)
    vpc = {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}
    endpoint = {"VpcId": {"Ref": "Vpc"}, "ServiceName": "com.amazonaws.us-east-1.s3", **wrong}
    fails(stacks, "AWS::EC2::VPCEndpoint", endpoint, says=says, **vpc)


def test_policies_of_iam_that_are_too_long(cloud: LocalCloud, name: Callable[[str], str]) -> None:
    iam, own = cloud.client("iam"), name("long")
    iam.create_role(RoleName=own, AssumeRolePolicyDocument=FOR_FUNCTIONS)
    iam.create_user(UserName=own)
    iam.create_group(GroupName=own)

    def document(size: int) -> str:
        return text({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::" + "x" * size}]})

    iam.put_role_policy(RoleName=own, PolicyName="one", PolicyDocument=document(6_000))
    for call in (
        lambda: iam.create_policy(PolicyName=own, PolicyDocument=document(6_144)),
        lambda: iam.put_role_policy(RoleName=own, PolicyName="two", PolicyDocument=document(6_000)),
        lambda: iam.put_user_policy(UserName=own, PolicyName="one", PolicyDocument=document(2_048)),
        lambda: iam.put_group_policy(GroupName=own, PolicyName="one", PolicyDocument=document(5_120)),
    ):
        assert refusal(call) == ("LimitExceeded", 409)
    iam.put_role_policy(RoleName=own, PolicyName="one", PolicyDocument=document(10_000))


def as_role(cloud: LocalCloud, name: str, *statements: Mapping[str, Any]) -> tuple[str, Any]:
    """Make a role that any principal of the account may assume; return its ARN and its credentials."""
    iam = cloud.client("iam")
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "000000000000"}}]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        document = json.dumps({"Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
    return arn, cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]


def test_the_policy_of_a_table_decides(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    guest, of_guest = as_role(cloud, name("guest"))
    _, of_owner = as_role(cloud, name("owner"), everything)
    statements = [
        {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Principal": {"AWS": guest}},
        {"Effect": "Deny", "Action": "dynamodb:PutItem", "Resource": "*", "Principal": "*"},
    ]
    own, stack = name("guarded"), name("guarded")
    properties = {**table("id")["Properties"], "TableName": own}
    policy = {"PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}

    def deploy(**more: Any) -> None:
        made = {"Type": "AWS::DynamoDB::Table", "Properties": {**properties, **more}}
        stacks.deploy({"Resources": {"Table": made}}, name=stack)

    deploy(ResourcePolicy=policy)
    reading, writing = (cloud.client("dynamodb", credentials=each) for each in (of_guest, of_owner))
    item = {"id": {"S": "1"}}
    assert "Item" not in reading.get_item(TableName=own, Key=item)
    with pytest.raises(ClientError, match="AccessDenied"):
        reading.scan(TableName=own)
    with pytest.raises(ClientError, match=r"AccessDenied.*explicit deny"):
        writing.put_item(TableName=own, Item=item)
    deploy()
    writing.put_item(TableName=own, Item=item)
    with pytest.raises(ClientError, match="AccessDenied"):
        reading.get_item(TableName=own, Key=item)


def test_the_policy_of_an_event_bus_decides(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    guest, of_guest = as_role(cloud, name("publisher"))
    _, of_owner = as_role(cloud, name("denied"), everything)
    own = name("bus")
    bus = f"arn:aws:events:us-east-1:000000000000:event-bus/{own}"

    def policy(sid: str, **statement: Any) -> dict[str, Any]:
        complete = {"Action": "events:PutEvents", "Resource": bus, **statement}
        properties = {"EventBusName": own, "StatementId": sid, "Statement": complete}
        return {"Type": "AWS::Events::EventBusPolicy", "Properties": properties, "DependsOn": "Bus"}

    resources = {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": own}},
        "One": policy("One", Effect="Allow", Principal={"AWS": guest}),
        "Two": policy("Two", Effect="Deny", Principal="*", Condition={"StringEquals": {"events:source": "shop"}}),
    }
    stack = name("bus")
    stacks.deploy({"Resources": resources}, name=stack)
    events = cloud.client("events")
    described = json.loads(events.describe_event_bus(Name=own)["Policy"])
    assert {statement["Sid"] for statement in described["Statement"]} == {"One", "Two"}
    entry = {"EventBusName": own, "Source": "other", "DetailType": "made", "Detail": "{}"}
    allowed = cloud.client("events", credentials=of_guest)
    assert allowed.put_events(Entries=[entry])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("events", credentials=of_guest).put_events(Entries=[{**entry, "EventBusName": "default"}])
    resources["Two"]["Properties"]["Statement"].pop("Condition")
    stacks.deploy({"Resources": resources}, name=stack)
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("events", credentials=of_owner).put_events(Entries=[entry])
    del resources["Two"]
    stacks.deploy({"Resources": resources}, name=stack)
    assert cloud.client("events", credentials=of_owner).put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_permissions_of_a_bus_by_account(cloud: LocalCloud, name: Callable[[str], str]) -> None:
    events, own = cloud.client("events"), name("by-account")
    single = {"EventBusName": own, "StatementId": "other", "Action": "events:PutEvents", "Principal": "111122223333"}
    assert refusal(lambda: events.put_permission(**single)) == ("ResourceNotFoundException", 400)
    events.create_event_bus(Name=own)
    for wrong in ({"EventBusName": own}, {**single, "Policy": text({"Statement": [STATEMENT]})}):
        assert refusal(lambda: events.put_permission(**wrong)) == ("ValidationException", 400)  # noqa: B023
    condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"}
    events.put_permission(**{**single, "StatementId": "org", "Principal": "*"}, Condition=condition)
    events.put_permission(**single)
    first, second = json.loads(events.describe_event_bus(Name=own)["Policy"])["Statement"]
    assert (first["Principal"], first["Condition"]) == ("*", {"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    assert second["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    events.remove_permission(EventBusName=own, StatementId="org")
    assert len(json.loads(events.describe_event_bus(Name=own)["Policy"])["Statement"]) == 1


MODULES = {
    "apigateway": "apigateway_v1",
    "ses": "ses",
    "sesv2": "ses_v2",
    "lambda": "lambda_svc",
    "logs": "cloudwatch_logs",
}
MODULES |= {"events": "eventbridge", "kafka": "msk", "wafv2": "waf", "s3control": "s3", "elbv2": "alb"}
POLICY = re.compile(r"(?i)polic(y|ies)(document|text)?$")
# What AWS's SDK calls a policy, MiniStack takes, and no row of `POLICIES` is for.
OTHERWISE: Mapping[str, str] = {
    **{f"ec2:{verb}VerifiedAccess{of}": "it is in Cedar" for verb in ("Create",) for of in ("Endpoint", "Group")},
    **{f"ec2:ModifyVerifiedAccess{of}Policy": "it is in Cedar" for of in ("Endpoint", "Group")},
    "ecr:PutLifecyclePolicy": "rules of its own",
    **{f"elbv2:{verb}Listener": "the name of a set of ciphers" for verb in ("Create", "Modify")},
    "glue:StartJobRun": "kept, without effect",
    **{f"iam:Simulate{of}Policy": "evaluated and not kept" for of in ("Custom", "Principal")},
    **{
        f"opensearchserverless:{verb}{of}Policy": "rules of its own"
        for verb in ("Create", "Update")
        for of in ("Access", "Security")
    },
    "secretsmanager:ValidateResourcePolicy": "not kept",
    "ssm:PutParameter": "rules of its own",
    **{
        f"sts:{name}": "refused as identity policies are, below"
        for name in ("AssumeRole", "AssumeRoleWithWebIdentity", "GetFederationToken")
    },
    "transfer:CreateUser": "kept, without effect",
}


def test_policies_of_sessions_that_are_malformed(cloud: LocalCloud, name: Callable[[str], str]) -> None:
    arn, _ = as_role(cloud, name("session"))
    sts = cloud.client("sts")
    wrong = text({"Statement": [STATEMENT]})
    call = {"RoleArn": arn, "RoleSessionName": "one", "Policy": wrong}
    assert refusal(lambda: sts.assume_role(**call)) == ("MalformedPolicyDocument", 400)


def served() -> Iterator[tuple[str, str, str]]:
    """Each parameter of an operation that MiniStack has and whose name says that it is a policy."""
    spec = importlib.util.find_spec("ministack")
    assert spec
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "services"
    session = botocore.session.get_session()
    for service in session.get_available_services():
        file = folder / f"{MODULES.get(service, service.replace('-', '_'))}.py"
        if not file.is_file():
            continue
        source = file.read_text()
        model = session.get_service_model(service)
        for operation in model.operation_names:
            shape = model.operation_model(operation).input_shape
            for member, of in (shape.members if shape else {}).items():
                is_policy = of.type_name == "string" and not of.metadata.get("enum") and POLICY.search(member)
                if is_policy and re.search(rf'["\']{operation}["\']', source):
                    yield service, operation, member


def test_every_policy_document_is_checked_or_named() -> None:
    checked = {
        (service, operation) for row in POLICIES for service, names in row.requests.items() for operation in names
    }
    iam = {"CreatePolicy", "CreatePolicyVersion", "CreateRole", "UpdateAssumeRolePolicy"}
    iam |= {"PutGroupPolicy", "PutRolePolicy", "PutUserPolicy"}
    checked |= {("iam", operation) for operation in iam}
    names = {"efs": "elasticfilesystem"}
    left = {
        f"{service}:{operation}"
        for service, operation, _ in served()
        if (names.get(service, service), operation) not in checked
    }
    assert left == OTHERWISE.keys()
