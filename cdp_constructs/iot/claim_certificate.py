"""ClaimCertificate: what devices ask for their identity with."""

from dataclasses import dataclass

from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.options import checks_options
from cdp_constructs.core.places import check_arn
from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["ClaimCertificate"]


@checks_options
@dataclass(frozen=True)
class ClaimCertificate:
    """A certificate whose holders may ask for an identity; made by ``DeviceFleet.add_claim_certificate``."""

    certificate_arn: str
    certificate: iot.CfnCertificate | None
    """The L1 of a certificate that AWS IoT signs; None for an existing one."""
    attachment: iot.CfnPolicyPrincipalAttachment
    """Attaches the fleet's claim policy to the certificate."""


def add_claim_certificate(
    fleet: Construct,
    construct_id: str,
    *,
    policy: iot.CfnPolicy,
    certificate_arn: str | None,
    certificate_signing_request: str | None,
) -> ClaimCertificate:
    """Attach a fleet's claim policy to an existing certificate, or to a new one that is made from a signing request."""
    if (certificate_arn is None) == (certificate_signing_request is None):
        other = "certificate_signing_request"
        problem = f"is missing, as {other} is" if certificate_arn is None else f"was given together with {other}"
        fix = "Give the ARN of a registered certificate, or a signing request for a new one"
        raise InvalidOptionError(fleet, "certificate_arn", problem, fix)
    if certificate_arn is not None:
        check_arn(fleet, "certificate_arn", certificate_arn, fix="Give a certificate of the fleet's Region")
    claim = Construct(fleet, construct_id)
    certificate = None
    if certificate_signing_request is not None:
        certificate = iot.CfnCertificate(
            claim, "Certificate", status="ACTIVE", certificate_signing_request=certificate_signing_request
        )
    arn = str(certificate_arn) if certificate is None else certificate.attr_arn
    attachment = iot.CfnPolicyPrincipalAttachment(claim, "Policy", policy_name=policy.ref, principal=arn)
    return ClaimCertificate(arn, certificate, attachment)
