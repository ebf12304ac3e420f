"""The channels: mail by SES, push to mobile devices by SNS, Web Push to browsers."""

from email.utils import formataddr, parseaddr
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from correlation import TRACEPARENT, id_of
from notices import Device, Notices
from notices.mail import compose
from notices.push_services import is_push_service

from .environment import Environment
from .messages import Message, push_content, web_push_content

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient

# What fails twice is retried by the queue, minutes later.
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
ses = boto3.client("sesv2", config=_CONFIG)
sns: "SNSClient" = boto3.client("sns", config=_CONFIG)

# What SNS answers for an endpoint that was deleted elsewhere.
_MISSING_ENDPOINT = {"NotFound", "InvalidParameter"}

# What SES answers whoever the receiver is: the account is suspended, paused or over its quota, the identity is not
# verified, the configuration set is missing, or the function lacks a permission.
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
_SENDING_DISABLED = {
    "AccessDeniedException",
    "AccountSuspendedException",
    "LimitExceededException",
    "MailFromDomainNotVerifiedException",
    "NotFoundException",
    "SendingPausedException",
}

# SES takes values of 870 characters, and a mail has 20 notices at most.
CORRELATION_HEADER = "X-Correlation-Id"

Pushed = Literal["sent", "removed", "skipped"]


class UnreachableError(Exception):
    """A push service did not take a message, or could not be reached."""


def send_mail(environment: Environment, people: Notices, user: str, address: str, message: Message) -> None:
    """Send one mail."""
    query = urlencode({"user": user, "token": people.unsubscribe_token(user)})
    unsubscribe = f"{environment.unsubscribe_url}?{query}"
    name, sender = parseaddr(environment.sender)
    mail = compose(message.language, message.notices, message.number, product=name or sender, unsubscribe=unsubscribe)
    try:
        ses.send_email(
            # SES wants ASCII; this encodes a name that is not.
            FromEmailAddress=formataddr((name, sender)),
            Destination={"ToAddresses": [address]},
            ConfigurationSetName=environment.configuration_set,
            Content={
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": mail.text, "Charset": "UTF-8"},
                        "Html": {"Data": mail.html, "Charset": "UTF-8"},
                    },
                    # Mail programs show a button for it: RFC 2369 and, for one click, RFC 8058.
                    "Headers": [
                        {"Name": "List-Unsubscribe", "Value": f"<{unsubscribe}>"},
                        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                        *_correlation(message),
                    ],
                }
            },
        )
    except ClientError as error:
        # In its sandbox SES names the receiver, whose address logs must not have.
        error.args = (str(error).replace(address, "the receiver"),)
        raise


def is_sending_disabled(environment: Environment, error: Exception) -> bool:
    """Tell a refusal that any mail would get from one that is about this mail or its receiver."""
    if not isinstance(error, ClientError):
        return False
    code, text = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    # "Email address is not verified. The following identities failed the check": in the sandbox also receivers.
    unverified = code == "MessageRejected" and "not verified" in text and parseaddr(environment.sender)[1] in text
    return unverified or code in _SENDING_DISABLED


def _correlation(message: Message) -> list[dict[str, str]]:
    """Return the header with the ids of the notices: who got the mail can say which, and bounces return it."""
    ids = [found for notice in message.notices if (found := id_of(notice.get(TRACEPARENT)))]
    return [{"Name": CORRELATION_HEADER, "Value": ", ".join(ids)}] if ids else []


def push(environment: Environment, people: Notices, user: str, device: Device, message: Message) -> Pushed:
    """Push to one device.

    Returns:
        ``removed`` when its platform has disabled it, ``skipped`` when it is another user's now or has no application.
    """
    application = people.platforms.get(device.platform)
    if application is None or not people.owns(user, device.device):
        return "skipped"
    known = device.endpoints.get(environment.region)
    endpoint = known or _create_endpoint(environment, people, user, device, application)
    content = push_content(application, message)
    try:
        sns.publish(TargetArn=endpoint, MessageStructure="json", Message=content)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "EndpointDisabled":
            # The application was removed from the device, or its token is no longer valid.
            sns.delete_endpoint(EndpointArn=endpoint)
            people.remove_device(user, device.device)
            return "removed"
        if code not in _MISSING_ENDPOINT or known is None:
            raise
        endpoint = _create_endpoint(environment, people, user, device, application)
        sns.publish(TargetArn=endpoint, MessageStructure="json", Message=content)
    return "sent"


def push_to_browser(environment: Environment, people: Notices, user: str, device: Device, message: Message) -> Pushed:
    """Push to one browser.

    Returns:
        ``removed`` when its subscription has ended, ``skipped`` when it is another user's now, or at a push service
        that is not listed any more.

    Raises:
        UnreachableError: when the push service did not take the message.
    """
    services = people.push_services
    if services is None or not is_push_service(device.token, services) or not people.owns(user, device.device):
        return "skipped"
    # Imported here: most mails and pushes are sent by environments that never send to a browser.
    from urllib3.exceptions import HTTPError

    from . import web_push

    signer = web_push.vapid(environment.vapid_secret, environment.vapid_contact)
    try:
        taken = web_push.send(signer, device, message.topic, web_push_content(message))
    except (HTTPError, web_push.PushServiceError) as error:
        # A message of urllib3 has the path, and whoever knows the path can send to the browser.
        text = str(error) if isinstance(error, web_push.PushServiceError) else type(error).__name__
        raise UnreachableError(text) from None
    if taken:
        return "sent"
    people.remove_device(user, device.device)
    return "removed"


def _create_endpoint(environment: Environment, people: Notices, user: str, device: Device, application: str) -> str:
    """Return the endpoint of a device: SNS keeps one for each token of an application."""
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=application, Token=device.token)["EndpointArn"]
    # The token may have been registered before, and been disabled; that it was registered again is newer.
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "true", "Token": device.token})
    people.keep_endpoint(user, device.device, environment.region, endpoint)
    return endpoint
