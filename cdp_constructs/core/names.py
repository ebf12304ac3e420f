"""Names of resources that CloudFormation does not choose, or that other resources have to know before."""

from aws_cdk import CfnResource, Names
from constructs import Construct, IConstruct

__all__ = ["lower_case_name", "name_everywhere"]


def lower_case_name(scope: Construct, *, max_length: int, separator: str = "-") -> str:
    """Return a name of lower-case letters, digits and one separator that no other construct of the stack has.

    Args:
        scope: What the name is made of: its path, and a hash of it.
        max_length: What the service allows.
        separator: Stands between the parts.
    """
    name = Names.unique_resource_name(
        scope, max_length=max_length, separator=separator, allowed_special_characters=separator
    )
    return name.lower()


def name_everywhere(resource: IConstruct) -> str:
    """Return what CloudFormation calls a new resource, for stacks of other Regions.

    The construct's own property would need a fixed name, or an account id, there.

    Args:
        resource: A construct with one L1: a bucket, a table, a topic, a function.
    """
    defined: CfnResource = resource.node.default_child  # type: ignore[assignment]  # its L1
    return defined.ref
