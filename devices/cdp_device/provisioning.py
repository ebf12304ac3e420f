"""How a device gets its identity: the first by a claim, each later one by the one before."""

import time

from cdp_device.identity import Identity, make_key, signing_request
from cdp_device.session import RejectedError, Session, connect
from cdp_device.settings import Configuration, Settings

CREATE = "$aws/certificates/create-from-csr/json"


async def claim(settings: Settings, *, patience: float = 10) -> Identity:
    """Ask for the first identity with the claim certificate.

    Args:
        settings: Endpoint, claim certificate and serial number.
        patience: Seconds to wait for the connection and for each answer.

    Raises:
        RejectedError: the allow-list does not have the serial number, or has it in use.
        aiomqtt.MqttError: there is no connection.
        TimeoutError: there was no answer.
    """
    async with connect(settings, f"claim-{settings.serial_number}", settings.claim_file, patience=patience) as session:
        return await request_identity(session, settings.serial_number, settings.template)


async def request_identity(session: Session, serial_number: str, template: str) -> Identity:
    """Make a key, have a certificate signed for it, and register the thing.

    Args:
        session: A connection with the claim certificate, or with the certificate that is to be renewed.
        serial_number: Of the device.
        template: Name of the provisioning template.

    Raises:
        RejectedError: it was refused, or the configuration is none that a device can use.
        TimeoutError: there was no answer.
    """
    key = make_key()
    provision = f"$aws/provisioning-templates/{template}/provision/json"
    try:
        issued = await session.ask(CREATE, {"certificateSigningRequest": signing_request(key, serial_number)})
        token = issued["certificateOwnershipToken"]
        registered = await session.ask(
            provision, {"certificateOwnershipToken": token, "parameters": {"SerialNumber": serial_number}}
        )
        identity = Identity(
            thing=registered["thingName"],
            certificate_id=issued["certificateId"],
            certificate=issued["certificatePem"],
            key=key,
            issued_at=time.time(),
            configuration=Configuration.model_validate(registered["deviceConfiguration"]),
        )
        identity.configuration.topics().command(identity.configuration.context, identity.thing)
    except (KeyError, TypeError, ValueError) as error:
        # A template that was changed wrongly must not end a device that works with what it has.
        raise RejectedError(provision, {"errorCode": "InvalidConfiguration", "errorMessage": str(error)}) from error
    return identity
