"""An MQTT endpoint of a fleet's own."""

from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.cdk import certificatemanager as acm
from cdp_constructs.core.validation import InvalidOptionError

# TLS 1.3 and 1.2: https://docs.aws.amazon.com/iot/latest/developerguide/transport-security.html
_TLS_POLICY = "IoTSecurityPolicy_TLS13_1_2_2022_10"


def add_endpoint(
    fleet: "Construct",
    construct_id: str,
    *,
    domain_name: str | None,
    server_certificate: "acm.ICertificate | None",
) -> iot.CfnDomainConfiguration:
    """Add an endpoint that takes MQTT with client certificates over TLS 1.2 and 1.3, and nothing else."""
    if (domain_name is None) != (server_certificate is None):
        given, other = "domain_name", "server_certificate"
        if domain_name is None:
            given, other = other, given
        raise InvalidOptionError(fleet, given, f"was given without {other}", "Give both, or neither")
    return iot.CfnDomainConfiguration(
        fleet,
        construct_id,
        domain_name=domain_name,
        server_certificate_arns=None if server_certificate is None else [server_certificate.certificate_arn],
        authentication_type="AWS_X509",
        application_protocol="SECURE_MQTT",
        service_type="DATA",
        tls_config=iot.CfnDomainConfiguration.TlsConfigProperty(security_policy=_TLS_POLICY),
    )
