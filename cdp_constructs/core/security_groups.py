"""What Amazon EC2 accepts as the description of a security group or of one of its rules."""

import re

__all__ = ["described"]

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
_NOT_ACCEPTED = re.compile(r"[^\w .:/()#,@\[\]+=&;{}!$*-]", re.ASCII)
_LONGEST = 255


def described(text: str) -> str:
    """Write a text as a description: other characters become ``_``, and what is too long is cut off.

    A text that EC2 accepts stays as it is: another description would replace the security group.
    """
    return _NOT_ACCEPTED.sub("_", text)[:_LONGEST]
