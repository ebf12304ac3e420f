"""A review tells who may assume a role that could not before, and is silent where nobody may."""

import copy
import json
from typing import Any

import pytest

from cdp_constructs.review.changes.comparison import Compared, compare
from cdp_constructs.review.changes.findings import Finding, Kind
from cdp_constructs.review.templates import Template
from tests.review.templates import TemplateBody, id_of, properties, shop

Statement = dict[str, Any]
ACCOUNT = "111111111111"
GITHUB = "token.actions.githubusercontent.com"
OTHER, PARTNER = "arn:aws:iam::222222222222:root", "arn:aws:iam::222222222222:role/Deployer"
LAMBDA = {"Service": "lambda.amazonaws.com"}
OWN = {"AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"]]}}
OWN_ROLE = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Admin"}


def trust(principal: Any, action: str = "sts:AssumeRole", **condition: Any) -> Statement:
    said = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Principal": principal, "Action": action, **said}


def github(subject: Any, *, operator: str = "StringEquals", audience: bool = True) -> Statement:
    conditions: dict[str, dict[str, Any]] = {operator: {f"{GITHUB}:sub": subject}}
    if audience:
        conditions.setdefault("StringEquals", {})[f"{GITHUB}:aud"] = "sts.amazonaws.com"
    provider = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"}
    return trust(provider, "sts:AssumeRoleWithWebIdentity", **conditions)


def deny(principal: Any, **condition: Any) -> Statement:
    return {**trust(principal, **condition), "Effect": "Deny"}


def changes(before: list[Statement], now: list[Statement]) -> list[Finding]:
    """Return what a review says of a role whose trust policy changes."""

    def with_role(statements: list[Statement]) -> Template:
        body = shop()
        document = {"Version": "2012-10-17", "Statement": copy.deepcopy(statements)}
        properties(body, "IAM::Role")["AssumeRolePolicyDocument"] = document
        return Template("Shop", body, region="us-east-1", account=ACCOUNT)

    return compare(Compared("Shop", with_role(before), with_role(now)))


MAIN, ANY_BRANCH, ANY = "repo:shop/app:ref:refs/heads/main", "repo:shop/app:ref:refs/heads/*", "repo:shop/*"
ANYBODY = "repo:*"
ONE_NETWORK = {"aws:SourceIp": "192.0.2.0/28"}
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
ORGANISATION = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
FROM_RULE = {"ArnLike": {"aws:SourceArn": "arn:aws:events:us-east-1:111111111111:rule/orders-*"}}

WIDER: dict[str, tuple[list[Statement], list[Statement]]] = {
    "another service": ([trust(LAMBDA)], [trust({"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]})]),
    "a statement more": ([trust(LAMBDA)], [trust(LAMBDA), trust(OWN)]),
    "everybody": ([trust(LAMBDA)], [trust(LAMBDA), trust("*")]),
    "everybody of AWS": ([trust(LAMBDA)], [trust({"AWS": "*"})]),
    "another account": ([trust(OWN)], [trust({"AWS": [OWN["AWS"], OTHER]})]),
    "another account by its number": ([trust(OWN)], [trust({"AWS": [OWN["AWS"], "222222222222"]})]),
    "a role of another account, then the account": ([trust({"AWS": PARTNER})], [trust({"AWS": OTHER})]),
    "one role of this account, then the account": ([trust(OWN_ROLE)], [trust(OWN)]),
    "no condition any more": ([trust({"AWS": OTHER}, **MFA)], [trust({"AWS": OTHER})]),
    "one of two conditions gone": (
        [trust({"AWS": OTHER}, **MFA, **ORGANISATION)],
        [trust({"AWS": OTHER}, **ORGANISATION)],
    ),
    "no external id": (
        [trust({"AWS": OTHER}, StringEquals={"sts:ExternalId": "shop"})],
        [trust({"AWS": OTHER}, StringLike={"sts:ExternalId": "*"})],
    ),
    "if it exists": (
        [trust({"AWS": OTHER}, StringEquals={"aws:PrincipalOrgID": "o-1"})],
        [trust({"AWS": OTHER}, StringEqualsIfExists={"aws:PrincipalOrgID": "o-1"})],
    ),
    "another organisation": (
        [trust("*", **ORGANISATION)],
        [trust("*", StringEquals={"aws:PrincipalOrgID": ["o-1", "o-2"]})],
    ),
    "any branch": ([github(MAIN)], [github(ANY_BRANCH, operator="StringLike")]),
    "any repository": (
        [github(ANY_BRANCH, operator="StringLike")],
        [github(ANYBODY, operator="StringLike")],
    ),
    "any number of characters": (
        [github("repo:shop/app:ref:refs/tags/v?", operator="StringLike")],
        [github("repo:shop/app:ref:refs/tags/v*", operator="StringLike")],
    ),
    "a star that was a character": ([github(ANY)], [github(ANY, operator="StringLike")]),
    "another branch": ([github(MAIN)], [github([MAIN, "repo:shop/app:ref:refs/heads/next"])]),
    "no subject": ([github(MAIN)], [trust(github(MAIN)["Principal"], "sts:AssumeRoleWithWebIdentity")]),
    "no audience": ([github(MAIN)], [github(MAIN, audience=False)]),
    "from any resource": (
        [trust({"Service": "events.amazonaws.com"}, **FROM_RULE)],
        [trust({"Service": "events.amazonaws.com"})],
    ),
    "from more resources": (
        [trust({"Service": "events.amazonaws.com"}, **FROM_RULE)],
        [
            trust(
                {"Service": "events.amazonaws.com"},
                ArnLike={"aws:SourceArn": "arn:aws:events:us-east-1:111111111111:rule/*"},
            )
        ],
    ),
    "a larger network": (
        [trust(OWN, IpAddress=ONE_NETWORK)],
        [trust(OWN, IpAddress={"aws:SourceIp": "192.0.2.0/24"})],
    ),
    "an older MFA": (
        [trust(OWN, NumericLessThan={"aws:MultiFactorAuthAge": "300"})],
        [trust(OWN, NumericLessThan={"aws:MultiFactorAuthAge": "86400"})],
    ),
    "another action": ([trust(OWN)], [trust({**OWN}, "sts:*")]),
    "nothing refused any more": ([trust(OWN), deny("*", Bool={"aws:SecureTransport": "false"})], [trust(OWN)]),
    "less refused": (
        [trust(OWN), deny("*", StringNotEquals={"aws:SourceVpc": ["vpc-1"]})],
        [trust(OWN), deny("*", StringNotEquals={"aws:SourceVpc": ["vpc-1", "vpc-2"]})],
    ),
}


@pytest.mark.parametrize("name", WIDER)
def test_more_who_may_assume_a_role_is_a_broadening(name: str) -> None:
    before, now = WIDER[name]
    found = changes(before, now)
    assert [one.kind for one in found] == [Kind.BROADENING], "and is not told again"
    assert found[0].title == "role WorkerRole may be assumed by more"


@pytest.mark.parametrize("name", WIDER)
def test_the_reversal_is_none(name: str) -> None:
    before, now = WIDER[name]
    assert [one.kind for one in changes(now, before)] == [Kind.OTHER]


HARMLESS: dict[str, tuple[list[Statement], list[Statement]]] = {
    "another order": ([trust(LAMBDA), trust(OWN)], [trust(OWN), trust(LAMBDA)]),
    "a statement split": (
        [trust({"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]})],
        [trust(LAMBDA), trust({"Service": "ec2.amazonaws.com"})],
    ),
    "a list of one": ([trust(LAMBDA)], [trust({"Service": ["lambda.amazonaws.com"]})]),
    "a Sid": ([trust(LAMBDA)], [{**trust(LAMBDA), "Sid": "Runs"}]),
    "the number of this account": ([trust(OWN)], [trust({"AWS": ACCOUNT})]),
    "a role that the stack makes": (
        [trust(OWN)],
        [trust({"AWS": {"Fn::GetAtt": ["WorkerRole1A2B3C4D", "Arn"]}})],
    ),
    "a condition more": ([trust({"AWS": OTHER})], [trust({"AWS": OTHER}, **MFA)]),
    "the same key in other letters": (
        [trust("*", StringEquals={"aws:PrincipalOrgID": "o-1"})],
        [trust("*", StringEquals={"aws:principalorgid": "o-1"})],
    ),
    "one branch by a pattern": ([github(MAIN)], [github(MAIN, operator="StringLike")]),
    "a repository of the organisation": (
        [github(ANY, operator="StringLike")],
        [github(ANY_BRANCH, operator="StringLike")],
    ),
    "a refusal more": ([trust(OWN)], [trust(OWN), deny("*", Bool={"aws:SecureTransport": "false"})]),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_lets_nobody_more_assume_a_role_is_no_broadening(name: str) -> None:
    before, now = HARMLESS[name]
    assert Kind.BROADENING not in {one.kind for one in changes(before, now)}


def test_a_review_says_who_could_and_who_can() -> None:
    [found] = changes([github(MAIN)], [github(ANY, operator="StringLike"), trust("*")])
    workflows = f"iam:oidc-provider/{GITHUB} may assume it (AssumeRoleWithWebIdentity)"
    if_ours = f"if {GITHUB}:aud is sts.amazonaws.com and {GITHUB}:sub is"
    assert found.details == (
        f"was   {workflows}, {if_ours} {MAIN}",
        "now   everybody may assume it   WIDE",
        f"now   {workflows}, {if_ours} like {ANY}",
    )


def with_new_role(*statements: Statement) -> tuple[TemplateBody, TemplateBody]:
    before, now = shop(), shop()
    document = {"Statement": list(statements)}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    now["Resources"]["Deployer1A2B3C4D"] = role
    return before, now


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (trust(LAMBDA), False),
        (trust(OWN), False),
        (trust({"AWS": {"Fn::GetAtt": ["WorkerRole1A2B3C4D", "Arn"]}}), False),
        (trust({"AWS": OTHER}), True),
        (trust("*"), True),
        (github(MAIN), True),
    ],
)
def test_a_new_role_is_told_when_somebody_outside_may_assume_it(statement: Statement, *, told: bool) -> None:
    before, now = with_new_role(statement)
    found = [
        one
        for one in compare(Compared("Shop", Template("Shop", before), Template("Shop", now)))
        if one.kind == Kind.BROADENING
    ]
    assert [one.title for one in found] == ["role Deployer is new, and others may assume it"] * told


def test_a_role_whose_trust_is_known_at_deployment_only_ends_no_review() -> None:
    before, now = with_new_role(trust(LAMBDA))
    role = now["Resources"]["Deployer1A2B3C4D"]["Properties"]
    for document in (
        {"Fn::If": ["Open", {}, {}]},
        {"Statement": {"Fn::If": ["Open", {}, {}]}},
        {"Statement": ["x"]},
        "{}",
    ):
        role["AssumeRolePolicyDocument"] = document
        assert compare(Compared("Shop", Template("Shop", before), Template("Shop", json.loads(json.dumps(now)))))
    assert id_of(now, "IAM::Role", "Deployer")
