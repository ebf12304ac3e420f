"""The certificates of earlier claims: they are retired before a device gets another one."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from ..certificates.retirement import retire

if TYPE_CHECKING:
    from mypy_boto3_iot import IoTClient
    from mypy_boto3_iot_data import IoTDataPlaneClient


class EarlierClaims:
    """The certificates that a thing claimed before."""

    def __init__(self, registry: "IoTClient", data: "IoTDataPlaneClient", certificates: str) -> None:
        """Use clients of AWS IoT, and the ARN of certificates without the slash and the id."""
        self._registry = registry
        self._data = data
        self._certificates = certificates

    def active(self, certificate_ids: Iterable[str]) -> bool:
        """Return whether one of them is active; the one of a claim whose hook answered too late is not."""
        return any(self._is_active(certificate_id) for certificate_id in certificate_ids)

    def retire(self, thing: str, certificate_ids: Iterable[str]) -> None:
        """Retire certificates and end the thing's connection."""
        for certificate_id in sorted(certificate_ids):
            retire(self._registry, thing, f"{self._certificates}/{certificate_id}")
        self._disconnect(thing)

    def _is_active(self, certificate_id: str) -> bool:
        try:
            found = self._registry.describe_certificate(certificateId=certificate_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return False
        except ParamValidationError:  # an operator's entry: no certificate has such an id
            return False
        return found["certificateDescription"]["status"] == "ACTIVE"

    def _disconnect(self, thing: str) -> None:
        """End the connection at once: a deactivated certificate keeps it for minutes."""
        try:
            self._data.delete_connection(clientId=thing, cleanSession=True, preventWillMessage=True)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
