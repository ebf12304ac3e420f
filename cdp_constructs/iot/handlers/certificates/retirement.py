"""How a certificate stops being valid; the registration function retires those of earlier claims."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

if TYPE_CHECKING:
    from mypy_boto3_iot import IoTClient


def retire(client: "IoTClient", thing: str, certificate_arn: str) -> None:
    """Deactivate a certificate and detach it from its thing, unless one of the two no longer exists.

    It is not deleted: a deleted certificate of an own CA would register itself again.
    """
    try:
        client.update_certificate(certificateId=certificate_arn.rpartition("/")[2], newStatus="INACTIVE")
        client.detach_thing_principal(thingName=thing, principal=certificate_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    except ParamValidationError:  # an operator's entry: no certificate has such an id
        return
