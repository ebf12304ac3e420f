"""An error of SES is told to operators without the receiver's address."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.handlers import import_handler

ADDRESS = "ann@example.org"


def test_an_error_of_ses_does_not_tell_the_receivers_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "notices",
        "CONFIGURATION_SET": "set",
        "NOTICES": '{"table": "people", "platforms": {}}',
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "POWERTOOLS_SERVICE_NAME": "DeliveryFunction",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "SENDER": "Chat <notices@example.com>",
        "TIMER_QUEUE": "https://queue",
        "UNSUBSCRIBE_URL": "https://api.example.com/unsubscribe",
        "WAITING_TABLE": "waiting",
    }.items():
        monkeypatch.setenv(name, value)
    channels = import_handler("cdp_constructs.messaging.handlers.delivery").channels

    def send_email(**mail: Any) -> None:
        (address,) = mail["Destination"]["ToAddresses"]
        message = f"Email address is not verified. The following identities failed the check: {address}"
        raise ClientError({"Error": {"Code": "MessageRejected", "Message": message}}, "SendEmail")

    channels.ses = SimpleNamespace(send_email=send_email)
    environment = SimpleNamespace(
        sender="Chat <notices@example.com>", unsubscribe_url="https://x", configuration_set="s"
    )
    people = SimpleNamespace(unsubscribe_token=lambda _user: "t")
    notice = {"title": "Lunch", "body": "pizza?", "link": "https://chat.example.com", "at_ms": 1}
    message = SimpleNamespace(language="en", notices=[notice], number=1)
    with pytest.raises(ClientError, match="not verified") as failure:
        channels.send_mail(environment, people, "ann", ADDRESS, message)
    assert ADDRESS not in str(failure.value)
    assert failure.value.response["Error"]["Code"] == "MessageRejected"
