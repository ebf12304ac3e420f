"""The registry of AWS IoT: things, and the certificates that belong to them."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from .environment import Environment
from .retirement import retire

if TYPE_CHECKING:
    from mypy_boto3_iot import IoTClient


class Registry:
    """The things and certificates of a fleet."""

    def __init__(self, client: "IoTClient", environment: Environment) -> None:
        """Use a client of AWS IoT."""
        self._iot = client
        self._environment = environment

    def pem(self, certificate_id: str) -> str:
        """Return a certificate."""
        return self._iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]["certificatePem"]

    def retire(self, thing: str, certificate_id: str) -> None:
        """Deactivate a certificate and detach it from its thing."""
        retire(self._iot, thing, self._arn(certificate_id))

    def deactivate(self, certificate_id: str) -> None:
        """Deactivate a certificate; AWS IoT no longer reports one of an own CA after that."""
        self._iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")

    def activate(self, certificate_id: str) -> None:
        """Let a device connect with its certificate."""
        self._iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")

    def create_thing(self, thing: str, *, context: str, kind: str, certificate_id: str) -> None:
        """Create a thing with its group, certificate and policies; what an earlier try did is done again."""
        try:
            self._iot.create_thing(
                thingName=thing,
                thingTypeName=self._environment.thing_type,
                attributePayload={"attributes": {"context": context, "kind": kind}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise
        self._iot.add_thing_to_thing_group(thingGroupName=self._environment.groups[context], thingName=thing)
        self._iot.attach_thing_principal(thingName=thing, principal=self._arn(certificate_id))
        for policy in self._environment.policies:
            self._iot.attach_policy(policyName=policy, target=self._arn(certificate_id))

    def _arn(self, certificate_id: str) -> str:
        return f"{self._environment.certificates}/{certificate_id}"
