"""WAF: IP sets, pattern sets, rule groups, and the association of a web ACL with a resource."""

from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType

__all__ = ["RESOURCE_TYPES"]


def _guarded_by_lock_token(noun: str) -> Api:
    """A WAF resource: named by name, id and scope, changed only with the lock token of the last read."""
    lock = {"LockToken": "Response.LockToken"}
    return Api(
        service="wafv2",
        create=f"create_{noun}",
        read=f"get_{noun}",
        update=f"update_{noun}",
        delete=f"delete_{noun}",
        ref="{Response.Summary.Name}|{Response.Summary.Id}|{Properties.Scope}",
        key={"Name": "Parts[0]", "Id": "Parts[1]", "Scope": "Parts[2]"},
        update_key=lock,
        delete_key=lock,
        attributes={"Id": "Parts[1]", "Arn": "Response.*.ARN | [0]"},
        adapt=lambda properties: {
            **properties,
            **(
                {"RegularExpressionList": [{"RegexString": text} for text in properties["RegularExpressionList"]]}
                if "RegularExpressionList" in properties
                else {}
            ),
        },
        named="Name",
        replacing=("Scope",),
        name_length=128,
    )


RESOURCE_TYPES: tuple[ResourceType, ...] = (
    *(
        resource_type(f"AWS::WAFv2::{name}", _guarded_by_lock_token(noun))
        for name, noun in {
            "IPSet": "ip_set",
            "RegexPatternSet": "regex_pattern_set",
            "RuleGroup": "rule_group",
        }.items()
    ),
    resource_type(
        "AWS::WAFv2::WebACLAssociation",
        Api(
            service="wafv2",
            create="associate_web_acl",
            delete="disassociate_web_acl",
            ref="{Properties.ResourceArn}|{Properties.WebACLArn}",
            key={"ResourceArn": "Properties.ResourceArn"},
        ),
    ),
)
