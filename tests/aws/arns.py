"""ARNs of templates, as far as they are known before a deployment, and whether they name a kind of resource."""

import gzip
import json
import re
from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

ANY = "\0"
"""Stands for a value that is known at deployment: a name, an id, an account; with no colon or slash in it."""
UNKNOWN = f"{ANY}*"
"""Stands for an ARN of which nothing is known."""

_DATABASE = Path(__file__).parents[2] / "node_modules/aws-cdk/db.json.gz"
_VARIABLE = re.compile(r"\$\{[^}]+\}")
_OTHERWISE = {
    # A replica of it is a table like others, and GetAtt returns that of the home Region.
    "AWS::DynamoDB::GlobalTable": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Name}",
    # Ref is the ARN in its long form, with the cluster.
    "AWS::ECS::Service": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:service/${Cluster}/${Name}",
    # Ref is the ARN of the function with the name or number behind it.
    **dict.fromkeys(
        ("AWS::Lambda::Alias", "AWS::Lambda::Version"),
        "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${Name}:${Qualifier}",
    ),
    # GetAtt has this end, and the database does not say so.
    # Ref is the ARN of its secret.
    "AWS::SecretsManager::SecretTargetAttachment": (
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Id}"
    ),
    # One of an Application Load Balancer.
    "AWS::ElasticLoadBalancingV2::ListenerRule": (
        "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:listener-rule/app/${B}/${C}/${L}/${R}"
    ),
    "AWS::Logs::LogGroup": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Name}:*",
}
_REFERENCES = ("Ref", "Fn::GetAtt")
_REF_IS_ARN = (
    "AWS::Lambda::Alias",
    "AWS::Lambda::Version",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::SecretsManager::SecretTargetAttachment",
    "AWS::ECS::Service",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::StepFunctions::StateMachine",
)
_VARIABLES = ("<>", "<:>")
_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": ANY, "AWS::AccountId": ANY}


@cache
def _forms() -> Mapping[str, str]:
    """The form of the ARN of each type of resource that CloudFormation has."""
    with gzip.open(_DATABASE, "rt", encoding="utf-8") as file:
        entities = json.load(file)["schema"]["resource"]["entities"]
    return {one["cloudFormationType"]: one["arnTemplate"] for one in entities if one.get("arnTemplate")} | _OTHERWISE


def text(value: Any, stack: Mapping[str, Any]) -> str:
    """What a value of a template is, with ``ANY`` for what nobody knows yet."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else ANY
    [(name, content)] = value.items()
    kind = stack.get(content if name == "Ref" else content[0], {}).get("Type") if name in _REFERENCES else None
    if (name == "Ref" and kind in _REF_IS_ARN) or (name == "Fn::GetAtt" and content[1] == "Arn" and kind in _forms()):
        return _filled(_forms()[str(kind)])
    match name:
        case "Ref":
            return _PSEUDO.get(content, ANY)
        case "Fn::Join":
            return str(content[0]).join(text(part, stack) for part in content[1])
        case "Fn::Sub" if isinstance(content, str):
            return _filled(content)
    return UNKNOWN


def _filled(form: str) -> str:
    return _VARIABLE.sub(lambda found: _PSEUDO.get(found[0][2:-1], ANY), form)


@cache
def may_name(arn: str, form: str) -> bool:
    """Whether an ARN with ``*`` and ``?`` as in policies can be one of a form, such as ``arn:…:topic/${TopicName}``."""
    logs = form.split(":")[2] == "logs"
    names = tuple(re.findall(r"<:?>|.", _VARIABLE.sub("<:>" if logs else "<>", form)))
    # The ARN of a log group may end so, as its own attribute does.
    return _meet(tuple(arn), names) or (logs and arn.endswith(":*") and _meet(tuple(arn.removesuffix(":*")), names))


def _meet(arn: tuple[str, ...], form: tuple[str, ...]) -> bool:
    """Whether some text matches both: walks the pairs of places that can be reached at once."""
    reached, seen = [(0, 0)], set()
    while reached:
        at = reached.pop()
        if at in seen:
            continue
        seen.add(at)
        i, j = at
        if i == len(arn) and j == len(form):
            return True
        left, right = arn[i] if i < len(arn) else "", form[j] if j < len(form) else ""
        if left == "*":
            reached.append((i + 1, j))
        if right in _VARIABLES and (j == 0 or len(right) > 1):
            reached.append((i, j + 1))
        if left and right and _share(left, right):
            lefts, rights = {i + 1, i if left in ("*", ANY) else i + 1}, {j + 1, j if right in _VARIABLES else j + 1}
            reached += product(lefts, rights)
    return False


def _share(left: str, right: str) -> bool:
    """Whether one character can stand for both."""
    if right in ("<>", left):
        return True
    if right == "<:>":
        return left != ":"
    if left == ANY:
        return right not in ":/"
    return left in ("*", "?")
