"""Options that mean the same wherever they are: what AWS would refuse of a value whose type fits.

``@checks_options`` calls these by the option's name; what only one pattern knows is checked by the pattern. Tokens pass
where the value goes into the template as it is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aws_cdk import Annotations, Duration, Resource, Token
from constructs import Construct

from cdp_constructs.core.once import once
from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.schedule_expressions import is_schedule
from cdp_constructs.core.validation import InvalidOptionError, repetition_in

__all__ = ["MEANINGS", "Problem", "check_replica_regions", "lacks_role", "note_region", "note_zone"]

Problem = tuple[str, str]
"""What is wrong, with the value; and the fix."""

_PERIODS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html"
_MINUTE = 60_000  # milliseconds
_FINE_PERIODS = (1_000, 5_000, 10_000, 30_000)
_LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)+[a-z0-9-]{{2,63}}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_IOT_CERTIFICATE = re.compile(r"arn:[\w-]+:iot:[\w-]+:\d{12}:cert/[0-9A-Za-z]+")
_ARN = re.compile(r"arn:[^:\s]+:[^:\s]+:[^:\s]*:[^:\s]*:\S+")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_MANAGED_KEY = "alias/aws/"
_KEYS_OF_TOPICS = "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"
_PEM = re.compile(r"\s*-----BEGIN ([A-Z ]+)-----\s+[A-Za-z0-9+/=\s]+-----END \1-----\s*")


def _period(value: Duration) -> Problem | None:
    fix = f"Use 1, 5, 10 or 30 seconds, or whole minutes ({_PERIODS})"
    if value.is_unresolved():
        return "is a token", f"Tokens cannot be checked here: {fix[:1].lower()}{fix[1:]}"
    length = value.to_milliseconds()
    if length in _FINE_PERIODS or (length > 0 and length % _MINUTE == 0):
        return None
    return f"is {length / 1000:g} seconds", fix


def _encryption_key(value: Any) -> Problem | None:
    name = getattr(value, "alias_name", "")
    if not name.startswith(_MANAGED_KEY):
        return None
    fix = "Give a customer-managed key: nobody can change the policy of this one, which lets no other service use it"
    return f"is {name}, a key that AWS manages", fix


@once
def _alarm_topic(value: Any) -> Problem | None:
    if value.fifo or value.topic_arn.endswith(".fifo"):
        return f"is {value.node.path}, a FIFO topic", "Give a standard topic: CloudWatch names no message groups"
    key = value.master_key
    if key is None or (problem := _encryption_key(key)) is None:
        return None
    fix = (
        f"Give a topic with a customer-managed key, or without one: CloudWatch cannot use this one ({_KEYS_OF_TOPICS})"
    )
    return f"is {value.node.path}, whose key {problem[0]}", fix


def _schedule(value: Any) -> Problem | None:
    expression = value.expression_string
    if Token.is_unresolved(expression) or is_schedule(expression):
        return None
    return f"is {expression!r}", "Use cron(0 7 ? * MON-FRI *), rate(5 minutes) or at(2026-11-20T13:00:00)"


def _domain_name(value: str) -> Problem | None:
    if Token.is_unresolved(value) or _DOMAIN.fullmatch(value.removeprefix("*.")):
        return None
    return f"is {value!r}", "Use a domain name in lower case and ASCII without scheme and path, such as www.example.com"


def _domain_names(values: Sequence[str]) -> Problem | None:
    for value in values:
        if problem := _domain_name(value):
            return f"contains {value!r}", problem[1]
    return repetition_in(values)


def _email(value: str) -> Problem | None:
    if not isinstance(value, str) or Token.is_unresolved(value):
        return None
    # Imported here: an application without mails does not pay for it.
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError:
        return f"is {value!r}", "Use a mail address, such as ops@example.com"
    return None


def _region(value: str) -> Problem | None:
    if Token.is_unresolved(value) or _REGION.fullmatch(value):
        return None
    return f"is {value!r}", "Use the name of a Region, such as ap-northeast-1"


def _regions(values: Sequence[str]) -> Problem | None:
    for value in values:
        if Token.is_unresolved(value):
            return f"contains {value!r}", "Name each Region, such as ap-northeast-1"
        if problem := _region(value):
            return f"contains {value!r}", problem[1]
    return repetition_in(values)


def _variable(value: str) -> Problem | None:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    if _VARIABLE.fullmatch(value):
        return None
    return f"is {value!r}", "Use letters, digits and _, beginning with a letter, such as STATE_TABLE"


def _pem(value: str) -> Problem | None:
    if not isinstance(value, str) or Token.is_unresolved(value) or _PEM.fullmatch(value):
        return None
    fix = "Give the text of a PEM file, from its -----BEGIN line to its -----END line"
    return f"is {value[:30]!r}", fix


def _header(value: str) -> Problem | None:
    return None if _HEADER.fullmatch(value) else (f"is {value!r}", "Use a header's name, such as x-hub-signature-256")


def _scope(value: Any) -> Problem | None:
    if not isinstance(value, Construct):
        return None
    try:
        stack_of(value)
    except RuntimeError:
        return f"is {value.node.path or 'the app'!r}, which is in no stack", "Give a stack, or a construct inside one"
    return None


def _grantee(value: Any) -> Problem | None:
    if isinstance(value, Construct) and lacks_role(value):
        fix = "Import it with its role, such as Function.from_function_attributes(function_arn=…, role=…)"
        return f"is {value.node.path}, which was imported without its role", fix
    return None


def lacks_role(grantee: Any) -> bool:
    """Tell whether nothing can be granted to a resource, because it was imported without its role."""
    from aws_cdk import aws_iam as iam

    return isinstance(grantee.grant_principal, iam.UnknownPrincipal)


def _zone(value: Any) -> Problem | None:
    try:
        named = bool(value.zone_name)
    except RuntimeError:  # what was imported by its id alone has no name
        named = False
    if named:
        return _private_zone(value)
    fix = "Import it with HostedZone.from_hosted_zone_attributes(hosted_zone_id=…, zone_name=…)"
    return f"is {value.node.path}, whose name is not known", fix


def _private_zone(zone: Any) -> Problem | None:
    resource = zone.node.default_child
    if resource is None or not Resource.is_owned_resource(zone) or not stack_of(zone).resolve(resource.vpcs):
        return None
    fix = "Give a public hosted zone: only resolvers inside the zone's VPCs would find the names"
    return f"is {zone.node.path}, a private hosted zone", fix


def note_zone(construct: Construct, zone: Any) -> None:
    """Say of an imported hosted zone that it has to be public: the CDK does not know whether it is.

    Args:
        construct: The pattern whose names are served to everyone.
        zone: Its option ``zone``.
    """
    if not Resource.is_owned_resource(zone):
        Annotations.of(construct).add_info_v2(
            "cdp-constructs:ImportedHostedZone",
            f"Make sure that the imported hosted zone {zone.node.path} is a public one.",
        )


def _iot_certificate(value: str) -> Problem | None:
    if Token.is_unresolved(value) or _IOT_CERTIFICATE.fullmatch(value):
        return None
    fix = "Use the ARN of a certificate of AWS IoT: arn:aws:iot:<region>:<account>:cert/<id>"
    return f"is {value!r}", fix


def _arn(value: str) -> Problem | None:
    # A bucket's ARN has neither Region nor account.
    if Token.is_unresolved(value) or _ARN.fullmatch(value):
        return None
    return f"is {value!r}", "Use an ARN, such as arn:aws:s3:::files-of-the-shop"


MEANINGS: Mapping[str, Callable[[Any], Problem | None]] = {
    "alarm_topic": _alarm_topic,
    "certificate": _pem,
    "certificate_arn": _iot_certificate,
    "certificate_signing_request": _pem,
    "domain_name": _domain_name,
    "domain_names": _domain_names,
    "email": _email,
    "encryption_key": _encryption_key,
    "grantee": _grantee,
    "header_prefix": _header,
    "period": _period,
    "region": _region,
    "regions": _regions,
    "replica_regions": _regions,
    "schedule": _schedule,
    "scope": _scope,
    "source_arn": _arn,
    "token_header": _header,
    "variable": _variable,
    "zone": _zone,
}


def check_replica_regions(construct: Construct, regions: Sequence[str]) -> None:
    """Refuse the stack's own Region, and warn about Regions that the CDK's table does not have: they may be new.

    Args:
        construct: The pattern.
        regions: Its option ``replica_regions``.

    Raises:
        InvalidOptionError: when the stack's own Region is among them.
    """
    for region in regions:
        if region == region_of(stack_of(construct)):
            fix = "Leave it out: name other Regions"
            raise InvalidOptionError(construct, "replica_regions", f"contains {region!r}, the stack's own", fix)
        note_region(construct, "replica_regions", region)


def note_region(construct: Construct, option: str, region: str) -> None:
    """Warn about a Region that the CDK's table does not have: it may be new, or misspelled.

    Args:
        construct: The pattern.
        option: The option's name.
        region: The Region.
    """
    from aws_cdk.region_info import RegionInfo

    if not Token.is_unresolved(region) and RegionInfo.get(region).partition is None:
        Annotations.of(construct).add_warning_v2(
            f"cdp-constructs:UnknownRegion-{region}",
            f"{option} is or contains {region!r}, a Region that this version of the CDK does not know. Make sure that "
            "it is spelled as AWS does.",
        )
