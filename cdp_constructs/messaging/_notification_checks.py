"""Checks of what mails and pushes are sent with."""

import re
from collections.abc import Mapping
from email.utils import parseaddr

from aws_cdk import Token
from constructs import Construct

from cdp_constructs.core.cdk import ses
from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.validation import InvalidOptionError

_PLATFORM_APPLICATION = re.compile(r"arn:aws[\w-]*:sns:(?P<region>[\w-]+):\d{12}:app/(APNS|APNS_SANDBOX|GCM)/[\w.-]+")


def check_sender(construct: "Construct", sender: str, identity: "ses.IEmailIdentity") -> None:
    """Refuse a sender that is no mail address in ASCII, or not of the identity.

    Raises:
        InvalidOptionError: naming the sender.
    """
    if Token.is_unresolved(sender):
        return
    # Imported here: an application without notifications does not pay for it.
    from email_validator import EmailNotValidError, validate_email

    address = parseaddr(sender)[1]
    try:
        validate_email(address, check_deliverability=False, allow_smtputf8=False)
        correct = address.isascii() and sender.isprintable()
    except EmailNotValidError:
        correct = False
    if not correct:
        fix = "Use an address in ASCII, perhaps with a name: Chat <notices@example.com>"
        raise InvalidOptionError(construct, "sender", f"is {sender!r}", fix)
    name = identity.email_identity_name
    domain = address.rpartition("@")[2]
    if not Token.is_unresolved(name) and name != address and f".{domain}".removesuffix(f".{name}") == f".{domain}":
        problem = f"is {sender!r}, which is not of the identity {name}"
        raise InvalidOptionError(construct, "sender", problem, f"Use an address of {name}")


def check_unsubscribe_url(construct: "Construct", url: str) -> None:
    """Refuse an address that is not https, or to which no query can be added.

    Raises:
        InvalidOptionError: naming the address.
    """
    if not Token.is_unresolved(url) and not re.fullmatch(r"https://[^\s?#]+", url):
        fix = "Use an https address without query, such as https://api.example.com/unsubscribe"
        raise InvalidOptionError(construct, "unsubscribe_url", f"is {url!r}", fix)


def check_platform_applications(construct: "Construct", applications: Mapping[str, str]) -> None:
    """Refuse what is no platform application of Apple's or Firebase's in the construct's Region.

    Raises:
        InvalidOptionError: naming the ARN.
    """
    region = region_of(stack_of(construct))
    for name, arn in applications.items():
        if Token.is_unresolved(arn):
            continue
        found = _PLATFORM_APPLICATION.fullmatch(arn)
        if found is None:
            fix = "Use ARNs of platform applications: arn:aws:sns:<region>:<account>:app/APNS|APNS_SANDBOX|GCM/<name>"
            raise InvalidOptionError(construct, "platform_applications", f"contains {arn!r} as {name!r}", fix)
        if found["region"] != region and not Token.is_unresolved(region):
            problem = f"contains {name!r} in {found['region']}, but the stack is in {region}"
            raise InvalidOptionError(construct, "platform_applications", problem, f"Give one of {region}")
