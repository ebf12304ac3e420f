"""IAM: what was decided once is decided anew as soon as anything that it follows from is another."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cdp_constructs.local import LocalCloud

_QUEUE = "arn:aws:sqs:us-east-1:000000000000:decisions"


@pytest.fixture
def user(cloud: LocalCloud) -> Iterator[Any]:
    """Yield the SQS client of a user who may do nothing yet."""
    iam = cloud.client("iam")
    iam.create_user(UserName="asker")
    key = iam.create_access_key(UserName="asker")["AccessKey"]
    url = cloud.client("sqs").create_queue(QueueName="decisions")["QueueUrl"]
    yield cloud.client("sqs", credentials=(key["AccessKeyId"], key["SecretAccessKey"]))
    cloud.client("sqs").delete_queue(QueueUrl=url)
    for name in iam.list_user_policies(UserName="asker")["PolicyNames"]:
        iam.delete_user_policy(UserName="asker", PolicyName=name)
    iam.delete_access_key(UserName="asker", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="asker")


def _document(effect: str, **statement: Any) -> str:
    statements = [{"Effect": effect, "Action": "sqs:*", "Resource": _QUEUE, **statement}]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _may(user: Any, cloud: LocalCloud) -> bool:
    url = cloud.client("sqs").get_queue_url(QueueName="decisions")["QueueUrl"]
    try:
        user.receive_message(QueueUrl=url)
    except ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        return False
    return True


def test_each_change_of_a_policy_counts_at_once(cloud: LocalCloud, user: Any) -> None:
    iam = cloud.client("iam")
    assert not _may(user, cloud)
    for _ in range(2):  # the second time, all documents are known
        iam.put_user_policy(UserName="asker", PolicyName="one", PolicyDocument=_document("Allow"))
        assert _may(user, cloud)
        assert _may(user, cloud)
        iam.put_user_policy(UserName="asker", PolicyName="two", PolicyDocument=_document("Deny"))
        assert not _may(user, cloud)
        iam.delete_user_policy(UserName="asker", PolicyName="two")
        assert _may(user, cloud)
        iam.delete_user_policy(UserName="asker", PolicyName="one")
        assert not _may(user, cloud)


def test_each_change_of_a_policy_of_the_resource_counts_at_once(cloud: LocalCloud, user: Any) -> None:
    sqs, url = cloud.client("sqs"), cloud.client("sqs").get_queue_url(QueueName="decisions")["QueueUrl"]
    asker = {"AWS": "arn:aws:iam::000000000000:user/asker"}
    for principal, allowed in ((asker, True), ({"AWS": "arn:aws:iam::000000000000:user/other"}, False), (asker, True)):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _document("Allow", Principal=principal)})
        assert _may(user, cloud) is allowed


def test_each_value_that_a_condition_names_is_another_question(cloud: LocalCloud, user: Any) -> None:
    iam = cloud.client("iam")
    condition = {"StringEquals": {"aws:PrincipalTag/Team": "reading"}}
    iam.put_user_policy(UserName="asker", PolicyName="one", PolicyDocument=_document("Allow", Condition=condition))
    assert not _may(user, cloud)
    for team, allowed in (("reading", True), ("writing", False), ("reading", True)):
        iam.tag_user(UserName="asker", Tags=[{"Key": "Team", "Value": team}])
        assert _may(user, cloud) is allowed


def test_the_time_is_asked_each_time(cloud: LocalCloud, user: Any) -> None:
    from ministack.core import iam_evaluator

    from cdp_constructs.local.services.iam import decisions

    statements = iam_evaluator.parse_policy_document(
        _document("Allow", Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}})
    )
    assert decisions.Statements(statements).keys == {"aws:currenttime"}
    assert decisions.known((([decisions.Statements(statements)]),)) is None
    assert not _may(user, cloud)


def test_variables_are_values_that_are_asked_for() -> None:
    from ministack.core import iam_evaluator

    from cdp_constructs.local.services.iam import decisions

    document = _document("Allow", Resource="arn:aws:sqs:*:*:${aws:username}-${aws:PrincipalTag/Team, 'none'}")
    assert decisions.Statements(iam_evaluator.parse_policy_document(document)).keys == {
        "aws:username",
        "aws:principaltag/team",
    }
