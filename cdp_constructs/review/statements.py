"""Statements of IAM, resource and key policies as sentences."""

import contextlib
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdp_constructs.review.templates import Resource, Template, under
from cdp_constructs.review.values import Values, listed

__all__ = ["Permission", "conditions_text", "has_policy", "permissions", "principals", "services_of"]

_POLICIES = {
    "AWS::IAM::Policy": "PolicyDocument",
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::EFS::FileSystem": "FileSystemPolicy",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::EC2::VPCEndpoint": "PolicyDocument",
    "AWS::DynamoDB::Table": "ResourcePolicy.PolicyDocument",
    "AWS::Kinesis::ResourcePolicy": "ResourcePolicy",
    "AWS::ApiGateway::RestApi": "Policy",
    "AWS::OpenSearchService::Domain": "AccessPolicies",
    "AWS::Events::EventBusPolicy": "Statement",
    "AWS::Logs::ResourcePolicy": "PolicyDocument",
    "AWS::IoT::Policy": "PolicyDocument",
    "AWS::IAM::GroupPolicy": "PolicyDocument",
    "AWS::IAM::RolePolicy": "PolicyDocument",
    "AWS::IAM::UserPolicy": "PolicyDocument",
    "AWS::SQS::QueueInlinePolicy": "PolicyDocument",
    "AWS::SNS::TopicInlinePolicy": "PolicyDocument",
    "AWS::KMS::ReplicaKey": "KeyPolicy",
    "AWS::S3::AccessPoint": "Policy",
    "AWS::Backup::BackupVault": "AccessPolicy",
    "AWS::ECR::RegistryPolicy": "PolicyText",
}
_ON = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SecretsManager::ResourcePolicy": "SecretId",
    "AWS::Kinesis::ResourcePolicy": "ResourceARN",
    "AWS::Events::EventBusPolicy": "EventBusName",
    "AWS::SQS::QueueInlinePolicy": "Queue",
    "AWS::SNS::TopicInlinePolicy": "TopicArn",
}
"""Where a policy of a resource says whose it is."""


@dataclass(frozen=True, order=True)
class Permission:
    """A statement.

    Attributes:
        who: Roles, users and principals that it is about.
        denies: Whether it refuses.
        actions: What, such as ``s3 GetObject, PutObject``.
        resources: On what.
        conditions: When; empty for always.
        policy: The resource that holds it.
        any_action: Whether it is about each action of a service, or of all.
        any_resource: Whether it is about whatever there is of a kind.
    """

    who: tuple[str, ...]
    denies: bool
    actions: str
    resources: tuple[str, ...]
    conditions: str
    policy: str
    any_action: bool
    any_resource: bool

    @property
    def sentence(self) -> str:
        """The statement without who it is about."""
        verb = "must not" if self.denies else "may"
        resources = listed(["any resource" if one == "*" else one for one in self.resources])
        return f"{verb} {self.actions} on {resources}" + (f", {self.conditions}" if self.conditions else "")


# A card asks several times, and a review for two templates in turn.
@functools.lru_cache(maxsize=4)
def permissions(template: Template) -> Sequence[Permission]:
    """Return every statement of every policy, in the order of the names of those that hold it."""
    return tuple(_permissions(template))


def _permissions(template: Template) -> Iterator[Permission]:
    values = Values(template)
    users = _users_of_roles(template)
    roles_with: dict[str, list[str]] = {}
    for role in template.of_type("AWS::IAM::Role"):
        for policy in values.texts(role.items("ManagedPolicyArns")):
            roles_with.setdefault(policy, []).append(role.name)
    for resource in template.resources.values():
        for document, holders in _documents(resource, values, users, roles_with):
            yield from _statements(document, holders, resource, values)
        yield from _of_aws(resource, values, users)
        if resource.type == "AWS::Lambda::Permission":
            yield _of_function(resource, values)


def principals(statement: Mapping[str, Any], values: Values) -> tuple[str, ...]:
    """Return whom a statement of a resource's policy names."""
    found: list[str] = []
    for name, inverted in (("Principal", ""), ("NotPrincipal", "everybody but ")):
        match statement.get(name):
            case None:
                continue
            case str() as anybody:
                found.append(inverted + ("everybody" if anybody == "*" else anybody))
            case Mapping() as kinds:
                for names in kinds.values():
                    found += [inverted + ("everybody" if one == "*" else one) for one in values.texts(names)]
    return tuple(sorted(one.removesuffix(".amazonaws.com") for one in found))


def _documents(
    resource: Resource, values: Values, users: Mapping[str, tuple[str, ...]], roles_with: Mapping[str, list[str]]
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Yield each policy document of a resource with the roles that it is for; none for a policy of a resource."""
    whole = resource.get(_POLICIES.get(resource.type, "?"))
    if whole is None and resource.type == "AWS::Events::EventBusPolicy" and resource.get("Principal"):
        # The older form: an account, or everybody, may do one thing.
        whole = {"Effect": "Allow", "Principal": resource.get("Principal"), "Action": resource.get("Action")}
    for document in _alternatives(whole):
        roles = [role for key in ("Roles", "Users", "Groups") for role in values.texts(resource.items(key))]
        roles += [values.text(one) for key in ("RoleName", "UserName", "GroupName") if (one := resource.get(key))]
        if resource.type == "AWS::IAM::ManagedPolicy":
            roles += roles_with.get(resource.name, [])
        holders = [name for role in roles for name in users.get(role, (role,))]
        if resource.type == "AWS::IoT::Policy":
            holders = [f"devices with {resource.name}"]
        yield ({"Statement": document} if "Effect" in document else document), tuple(sorted(holders))
    for inline in resource.items("Policies"):
        for document in _alternatives(inline.get("PolicyDocument") if isinstance(inline, Mapping) else None):
            yield document, users.get(resource.name, (resource.name,))


def has_policy(resource: Resource, name: str) -> bool:
    """Whether a property of a resource is a policy whose statements are permissions."""
    known = _POLICIES.get(resource.type, "").partition(".")[0]
    return name == known or (name == "Policies" and resource.type.startswith("AWS::IAM::"))


def _alternatives(document: object) -> Iterator[Mapping[str, Any]]:
    """Yield each document that a policy may be: a text is JSON, and `Fn::If` has two."""
    match document:
        case {"Fn::If": [_, one, other]}:
            yield from (*_alternatives(one), *_alternatives(other))
        case Mapping() if "Ref" not in document:
            yield document
        case str():
            with contextlib.suppress(ValueError):
                yield from _alternatives(json.loads(document))


_ANYTHING = re.compile(r"policy/(?:.*/)?(AdministratorAccess|PowerUserAccess|\w*FullAccess)")


def _of_aws(resource: Resource, values: Values, users: Mapping[str, tuple[str, ...]]) -> Iterator[Permission]:
    """Yield what policies of AWS let a role, a user or a group do: what is in them is not in the template."""
    if resource.type not in {"AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::User"}:
        return
    for policy in values.texts(resource.items("ManagedPolicyArns")):
        if policy.startswith("AWS's "):
            wide = _ANYTHING.search(policy) is not None
            yield Permission(
                who=users.get(resource.name, (resource.name,)),
                denies=False,
                actions=f"do what {policy} allows",
                resources=("*" if wide else "what it names",),
                conditions="",
                policy=resource.name,
                any_action=wide,
                any_resource=wide,
            )


def _statements(
    document: Mapping[str, Any], holders: tuple[str, ...], resource: Resource, values: Values
) -> Iterator[Permission]:
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else _alternatives(statements):
        if not isinstance(statement, Mapping):
            continue
        who = principals(statement, values) or holders or (f"who has {resource.name}",)
        inverted = "NotAction" in statement
        actions = values.texts(statement["NotAction"] if inverted else statement.get("Action", []))
        named = _resources(statement, resource, values)
        yield Permission(
            who=who,
            denies=statement.get("Effect") == "Deny",
            actions=("all but " if inverted else "") + _actions(actions),
            resources=named,
            conditions=conditions_text(statement.get("Condition", {}), values),
            policy=resource.name,
            any_action=inverted or any(action.endswith((":*", "*:*")) or action == "*" for action in actions),
            any_resource="NotResource" in statement or any(one == "*" for one in named),
        )


def _of_function(resource: Resource, values: Values) -> Permission:
    """Return what a permission of a function says: a service may invoke it, for one of its resources or for any."""
    principal = values.text(resource.get("Principal"))
    service = principal.removesuffix(".amazonaws.com")
    given = {"SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken"} & set(resource.properties)
    anybody = principal == "*" or (principal != service and not given)
    return Permission(
        who=("everybody" if principal == "*" else service,),
        denies=False,
        actions=_actions(values.texts(resource.get("Action"))),
        resources=(values.text(resource.get("FunctionName")),),
        conditions="" if given or principal == service else "for whoever uses the service",
        policy=resource.name,
        any_action=False,
        any_resource=anybody,
    )


def _resources(statement: Mapping[str, Any], resource: Resource, values: Values) -> tuple[str, ...]:
    if "NotResource" in statement:
        return (f"all but {', '.join(sorted(values.texts(statement['NotResource'])))}",)
    if resource.type == "AWS::KMS::Key":
        return (resource.name,)
    if "Resource" not in statement:
        return (values.text(resource.get(_ON.get(resource.type, "?"))) or resource.name,)
    texts = values.texts(statement["Resource"])
    if texts == ("*",) and resource.type in _ON:
        return values.texts(resource.get(_ON[resource.type]))
    return tuple(sorted(set(texts)))


def _actions(actions: Sequence[str]) -> str:
    """Write actions by service: ``dynamodb GetItem, Query; kms Decrypt``."""
    by_service: dict[str, list[str]] = {}
    for action in sorted(set(actions)):
        service, _, name = action.partition(":")
        by_service.setdefault(service if name else "", []).append(name or service)
    return "; ".join(
        "do anything"
        if names == ["*"] and not service
        else f"{service} {', '.join(names)}".replace(" *", " (anything)")
        if names == ["*"]
        else f"{service} {', '.join(names)}"
        for service, names in by_service.items()
    )


_SAME = ("arn equals", "bool", "string equals")
_QUANTIFIED = re.compile(r"for (all|any) values? ")


def conditions_text(conditions: object, values: Values) -> str:
    """Return the conditions of a statement as one clause: ``if aws:SourceAccount is (account)``; empty for none."""
    if not isinstance(conditions, Mapping):
        return ""
    if "Fn::If" in conditions:
        branches = [conditions_text(one, values) or "always" for one in conditions["Fn::If"][1:]]
        return " or ".join(sorted(set(branches)))
    said = [
        f"{key} is {'not ' if values.text(wanted) == 'true' else ''}given"
        if operator == "Null"
        else f"{key} {_comparison(operator)} {' or '.join(sorted(values.texts(wanted)))}"
        for operator, keys in conditions.items()
        if isinstance(keys, Mapping)
        for key, wanted in keys.items()
    ]
    return f"if {' and '.join(sorted(said))}" if said else ""


def _comparison(operator: str) -> str:
    """Write an operator: ``ForAllValues:StringLike`` is ``like, each value,``, ``StringEquals`` is ``is``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", operator.replace(":", " ")).lower()
    quantified = _QUANTIFIED.match(words)
    words = _QUANTIFIED.sub("", words)
    words = "is" if words in _SAME else words.replace("string like", "is like").replace("arn like", "is like")
    return f"({'each' if quantified[1] == 'all' else 'one'}) {words}" if quantified else words


def services_of(resource: Resource, template: Template) -> list[str]:
    """Return the names of the services that run a task definition; its own name, and that of anything else."""
    services = [
        service.name
        for service in template.of_type("AWS::ECS::Service")
        if template.target(service.get("TaskDefinition")) is resource
    ]
    return services or [resource.name]


_ROLES = {
    "Role",
    "ServiceRoleArn",
    "RoleArn",
    "RoleARN",
    "TaskRoleArn",
    "ServiceRole",
    "DeliverLogsPermissionArn",
    "CloudWatchRoleArn",
}
"""What properties name as the role with which a resource acts."""


def _users_of_roles(template: Template) -> dict[str, tuple[str, ...]]:
    """Return what runs with each role, by the role's name: what a role may, its functions and rules may."""
    users: dict[str, set[str]] = {}
    for resource in template.resources.values():
        if resource.type == "AWS::IAM::Role":
            continue
        for value in under(_ROLES, resource.properties):
            role = template.target(value)
            if role is not None and role.type == "AWS::IAM::Role":
                users.setdefault(role.name, set()).update(services_of(resource, template))
    return {role: tuple(sorted(names)) for role, names in users.items()}
