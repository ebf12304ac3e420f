"""Names of resources that CloudFormation does not choose, or that other resources have to know before."""

from aws_cdk import Names
from constructs import Construct

__all__ = ["lower_case_name"]


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
