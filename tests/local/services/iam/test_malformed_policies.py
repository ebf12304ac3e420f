"""Policies that AWS calls malformed are refused, in requests with the code of each service, and in templates."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local import LocalCloud
from tests.local.refusals import fails, refusal
from tests.local.resources import role

TRUST: Mapping[str, Any] = {
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
}
TO_QUEUE = {"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": "*", "Resource": "*"}


def changed(document: Mapping[str, Any], **elements: Any) -> dict[str, Any]:
    """Return a policy whose statement has other elements; those that are None are left out."""
    (statement,) = document["Statement"]
    merged = {**statement, **elements}
    return {"Statement": [{name: value for name, value in merged.items() if value is not None}]}


QUEUE_POLICY = {"Statement": [TO_QUEUE]}
IDENTITY = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
MALFORMED_TRUST = [
    "{",
    "[]",
    {"Statment": TRUST["Statement"]},
    {"Statement": []},
    {**TRUST, "Version": "2012-10-18"},
    changed(TRUST, Principal=None),
    changed(TRUST, Principal={"Service": "lambda"}),
    changed(TRUST, Principal={"AWS": "arn:aws:iam::000000000000:role/*"}),
    changed(TRUST, Principal={"Aws": "000000000000"}),
    changed(TRUST, Resource="*"),
    changed(TRUST, Action="s3:GetObject"),
    changed(TRUST, Effect="allow"),
]
MALFORMED_IDENTITY = [
    changed(IDENTITY, Principal="*"),
    changed(IDENTITY, Action="GetObject"),
    changed(IDENTITY, Resource="my-bucket"),
    changed(IDENTITY, Condtion={}),
    changed(IDENTITY, Sid="no spaces please"),
]
MALFORMED_RESOURCE = [
    "{",
    changed(QUEUE_POLICY, Principal=None),
    changed(QUEUE_POLICY, Principal={"Service": ""}),
    changed(QUEUE_POLICY, Action=None),
    changed(QUEUE_POLICY, Effect=None),
    {"Statement": [{**TO_QUEUE, "Sid": "one"}, {**TO_QUEUE, "Sid": "one"}]},
]


def text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def test_a_malformed_trust_policy(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    iam, own = cloud.client("iam"), name("trust")
    iam.create_role(RoleName=own, AssumeRolePolicyDocument=json.dumps(TRUST))
    for document in MALFORMED_TRUST:
        for call in (
            lambda: iam.create_role(RoleName=f"{own}-2", AssumeRolePolicyDocument=text(document)),  # noqa: B023
            lambda: iam.update_assume_role_policy(RoleName=own, PolicyDocument=text(document)),  # noqa: B023
        ):
            assert refusal(call) == ("MalformedPolicyDocument", 400), document
    wrong = changed(TRUST, Principal={"Service": "lambda"})
    fails(stacks, "AWS::IAM::Role", {"AssumeRolePolicyDocument": wrong}, says='"SERVICE":"lambda"')


def test_a_malformed_policy_of_a_role(cloud: LocalCloud, stacks: Any, name: Callable[[str], str]) -> None:
    iam, own = cloud.client("iam"), name("identity")
    iam.create_role(RoleName=own, AssumeRolePolicyDocument=json.dumps(TRUST))
    for document in MALFORMED_IDENTITY:
        for call in (
            lambda: iam.put_role_policy(RoleName=own, PolicyName="p", PolicyDocument=text(document)),  # noqa: B023
            lambda: iam.create_policy(PolicyName=own, PolicyDocument=text(document)),  # noqa: B023
        ):
            assert refusal(call) == ("MalformedPolicyDocument", 400), document
    wrong = changed(IDENTITY, Principal="*")
    inline = {"AssumeRolePolicyDocument": TRUST, "Policies": [{"PolicyName": "p", "PolicyDocument": wrong}]}
    fails(stacks, "AWS::IAM::Role", inline, says="should not specify a principal")
    fails(stacks, "AWS::IAM::ManagedPolicy", {"PolicyDocument": wrong}, says="should not specify a principal")
    attached = {"PolicyName": "p", "PolicyDocument": wrong, "Roles": [{"Ref": "Role"}]}
    fails(stacks, "AWS::IAM::Policy", attached, says="should not specify a principal", Role=role())


def test_a_malformed_policy_of_a_queue_topic_bucket_key_or_secret(
    cloud: LocalCloud, stacks: Any, name: Callable[[str], str]
) -> None:
    own = name("malformed")
    sqs, sns, s3, kms, secrets = (cloud.client(each) for each in ("sqs", "sns", "s3", "kms", "secretsmanager"))
    queue = sqs.create_queue(QueueName=own, Attributes={"Policy": json.dumps(QUEUE_POLICY)})["QueueUrl"]
    topic = sns.create_topic(Name=own)["TopicArn"]
    s3.create_bucket(Bucket=own)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secret = secrets.create_secret(Name=own, SecretString="x")["ARN"]
    calls: dict[str, Callable[[str], Any]] = {
        "InvalidAttributeValue": lambda policy: sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy}),
        "InvalidParameter": lambda policy: sns.set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=policy
        ),
        "MalformedPolicy": lambda policy: s3.put_bucket_policy(Bucket=own, Policy=policy),
        "MalformedPolicyDocumentException": lambda policy: kms.put_key_policy(
            KeyId=key, PolicyName="default", Policy=policy
        ),
    }
    for document in MALFORMED_RESOURCE:
        for code, call in calls.items():
            assert refusal(lambda: call(text(document))) == (code, 400), document  # noqa: B023
        code, _ = refusal(lambda: secrets.put_resource_policy(SecretId=secret, ResourcePolicy=text(document)))  # noqa: B023
        assert code == "MalformedPolicyDocumentException"
    assert json.loads(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"])
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    nobody = changed(QUEUE_POLICY, Principal=None)
    says = "Missing required field Principal"
    fails(stacks, "AWS::SQS::QueuePolicy", {"Queues": [queue], "PolicyDocument": nobody}, says=says)
    fails(stacks, "AWS::SNS::TopicPolicy", {"Topics": [topic], "PolicyDocument": nobody}, says=says)
    fails(stacks, "AWS::S3::BucketPolicy", {"Bucket": own, "PolicyDocument": nobody}, says=says)
    fails(stacks, "AWS::KMS::Key", {"KeyPolicy": nobody}, says=says)
