"""Notifications: tell those who are away, by mail and push, and not too often."""

import re
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from typing import TYPE_CHECKING

from aws_cdk import Duration, Fn, RemovalPolicy, Token
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdp_constructs.core.functions import Invocation, add_function, allow_on_prefixes, consume_queue
from cdp_constructs.core.layers import share_module
from cdp_constructs.core.paths import stack_of
from cdp_constructs.core.periods import minute, minutes
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue, metric_oldest_message
from cdp_constructs.core.tables import add_item_table, leading_keys
from cdp_constructs.core.validation import InvalidOptionError
from cdp_constructs.messaging._mail_feedback import add_configuration_set, queue_mail_feedback

if TYPE_CHECKING:
    from typing import Literal

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_ses as ses
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

_TIMEOUT = Duration.seconds(30)
# At least six times the functions' timeout. SES's or a platform's outage of half an hour ends by itself.
_VISIBILITY = Duration.minutes(3)
_TRIES = 10
# Mails and pushes at a time: SES starts at 14 mails a second outside of its sandbox.
_CONCURRENCY = 5
_PLATFORM_APPLICATION = re.compile(r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:app/(APNS|APNS_SANDBOX|GCM)/[\w.-]+")
_READ = ["dynamodb:GetItem", "dynamodb:Query"]
_WRITE = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]


class Notifications(Construct):
    """Tell users who are away: by mail on the PC and by push on mobile devices, as each of them chose.

    CDP: none of the catalogue; the notices of the chat boards ("SES to PC users, SNS to mobile users").

    Problem: whoever is not connected must hear of a message, but not once for each message of a busy room, not where
    nobody listens any more, and not twice because a queue delivers twice. Solution: notices go into a queue, one
    message per user. The first of a user and topic is sent at once; what follows waits for a quiet period that the
    user chose (15 minutes by default) and goes out as one digest. Preferences and devices are in a table; the function
    of a back end works on them by the module ``notices``, which ``share_with`` gives it as a layer.

    Nothing is lost: a notice is kept in a table in one transaction with the mark that it was kept, exactly one timer (a
    delayed message) is at work per user and topic, and what fails ends in dead-letter queues with alarms. Sending is
    at least once: if a function dies between sending a mail and noting so, that mail is sent again.

    An endpoint that its platform has disabled is removed with its device. SES reports bounces and complaints; mail to
    such an address is switched off, and SES's own suppression list stands behind that.

    Not for: newsletters (users did not ask for them here), one-time passwords (they must not wait), or SMS.

    Limits: SES starts in a sandbox (200 mails a day, verified recipients only) and at 14 mails a second outside of it
    (https://docs.aws.amazon.com/ses/latest/dg/quotas.html); a message is delayed at most 15 minutes, so longer quiet
    periods are several messages one after the other.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        identity: The verified domain or address that mails come from; of this account and Region.
        sender: The ``From`` of mails, such as ``Chat <notices@example.com>``; the name is what readers know you by.
        unsubscribe_url: The https address at which you let everybody reach ``unsubscribe_function``, with GET and POST
            and without sign-in. It is in every mail, with the user and a token behind it.
        platform_applications: ARNs of SNS platform applications for push by name, such as ``{"apns": …, "fcm": …}``,
            of this Region: Apple's and Firebase's. Their credentials cannot be in a template, so they are brought. By
            default there is no push.
        table: A table for preferences and devices, also a replica of a global table: keys ``pk`` and ``sk`` (strings),
            time to live by ``expires_at``. Its partition keys begin with ``USER#``, ``DEVICE#`` and ``ADDRESS#``. By
            default one is made.
        alarm_topic: Receives the alarms; by default there are none.
        removal_policy: What happens to the tables that are made here when the stack goes; they are kept by default, and
            then also protected from deletion.

    Attributes:
        queue: Takes notices: JSON with ``notice_id``, ``user``, ``topic``, ``title``, ``body``, ``link`` and perhaps
            ``language``.
        dead_letter_queue: Keeps notices that are none, or that could not be kept.
        timer_queue: Delayed messages, one for each user and topic for which something waits.
        timer_dead_letter_queue: Keeps the timers whose mail or push failed for half an hour.
        feedback_queue: SES's bounces and complaints.
        feedback_dead_letter_queue: Keeps those that could not be recorded.
        table: Preferences and devices.
        waiting_table: What waits in this Region.
        delivery_function: Sends.
        unsubscribe_function: Answers ``unsubscribe_url``, for HTTP APIs and function URLs.
        configuration_set_name: Of SES; all mails carry it.

    Raises:
        InvalidOptionError: for a sender that is no address or not of the identity, an address that is not https or has
            a query, or an ARN that is no platform application of Apple's or Firebase's.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        identity: "ses.IEmailIdentity",
        sender: str,
        unsubscribe_url: str,
        platform_applications: Mapping[str, str] | None = None,
        table: "dynamodb.ITable | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._check_sender(sender, identity)
        self._check_unsubscribe_url(unsubscribe_url)
        self._applications = dict(platform_applications or {})
        self._check_applications()
        kept = removal_policy or RemovalPolicy.RETAIN
        self.table: dynamodb.ITable = table or add_item_table(self, "Table", removal_policy=kept)
        self.waiting_table: dynamodb.ITable = add_item_table(self, "WaitingTable", removal_policy=kept)
        self.configuration_set_name = add_configuration_set(self, alarm_topic)

        self.dead_letter_queue, self.queue = self._queues("", alarm_topic, "notices that could not be kept")
        self.timer_dead_letter_queue, self.timer_queue = self._queues(
            "Timer", alarm_topic, "timers whose mail or push failed"
        )
        self.feedback_dead_letter_queue, self.feedback_queue = self._queues(
            "Feedback", alarm_topic, "bounces and complaints that could not be recorded"
        )
        queue_mail_feedback(
            self, self.configuration_set_name, self.feedback_queue, dead_letter_queue=self.feedback_dead_letter_queue
        )
        self._add_intake()
        self.delivery_function: lambda_.IFunction = self._add_delivery(identity, sender, unsubscribe_url)
        self._add_feedback()
        self.unsubscribe_function: lambda_.IFunction = self._add_unsubscribe()

    def grant_notify(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody send notices."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["sqs:SendMessage"], resource_arns=[self.queue.queue_arn]
        )

    def share_with(self, function: "lambda_.Function") -> None:
        """Let a function of a back end work on preferences and devices by the module ``notices``.

        Args:
            function: A Python function of the same Region. It gets the layer, the environment, and permission for the
                items of users and devices; whether an address takes mail it may only read.

        Raises:
            InvalidOptionError: for a function that does not run Python, or that shares such a table already.
        """
        self._share(
            function,
            [
                self._on_people([*_READ, *_WRITE], "USER", "DEVICE"),
                self._on_people(["dynamodb:GetItem"], "ADDRESS"),
            ],
        )

    def metric_sent(self, channel: "Literal['mail', 'push']", *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Mails, or pushes, that were handed over, per 5 minutes by default."""
        from aws_cdk import aws_cloudwatch as cloudwatch

        return cloudwatch.Metric(
            namespace="CdpConstructs",
            metric_name={"mail": "SentMails", "push": "SentPushes"}[channel],
            dimensions_map={"function_name": self.delivery_function.function_name},
            statistic="sum",
            period=period or minutes(5),
        )

    def metric_oldest_notice(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest notice that was not kept yet, per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_failed(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Timers whose mail or push failed for half an hour and that wait for somebody, per minute by default."""
        return self.timer_dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=period or minute(), statistic="max"
        )

    def _queues(self, name: str, alarm_topic: "sns.ITopic | None", holds: str) -> "tuple[sqs.Queue, sqs.Queue]":
        failed = add_dead_letter_queue(self, f"{name}DeadLetterQueue", alarm_topic=alarm_topic, holds=holds)
        work = add_work_queue(
            self, f"{name}Queue", dead_letter_queue=failed, visibility_timeout=_VISIBILITY, max_receive_count=_TRIES
        )
        return failed, work

    def _add_intake(self) -> None:
        function = self._polled("Intake", "Keeps notices until they are sent", {**self._waiting()})
        self._share(function, [self._on_waiting("GetItem", "PutItem", "UpdateItem"), self._on_timers()])
        consume_queue(self, "Intake", function, self.queue)

    def _add_delivery(self, identity: "ses.IEmailIdentity", sender: str, unsubscribe_url: str) -> "lambda_.Function":
        function = self._polled(
            "Delivery",
            "Sends notices and digests by mail and push",
            {
                **self._waiting(),
                "SENDER": sender,
                "UNSUBSCRIBE_URL": unsubscribe_url,
                "CONFIGURATION_SET": self.configuration_set_name,
            },
        )
        configuration_set = stack_of(self).format_arn(
            service="ses", resource="configuration-set", resource_name=self.configuration_set_name
        )
        mail = iam.PolicyStatement(
            actions=["ses:SendEmail"], resources=[identity.email_identity_arn, configuration_set]
        )
        self._share(
            function,
            [
                self._on_waiting("GetItem", "UpdateItem"),
                self._on_timers(),
                self._on_people([*_READ, "dynamodb:DeleteItem", "dynamodb:UpdateItem"], "USER", "DEVICE"),
                self._on_people(["dynamodb:GetItem"], "ADDRESS"),
                mail,
            ],
        )
        if self._applications:
            self._allow_push(function)
        consume_queue(self, "Delivery", function, self.timer_queue, batch_size=5, max_concurrency=_CONCURRENCY)
        return function

    def _add_feedback(self) -> None:
        function = self._polled("Feedback", "Switches mail off where it bounced or was complained about", {})
        self._share(function, [self._on_people(["dynamodb:PutItem"], "ADDRESS")])
        consume_queue(self, "Feedback", function, self.feedback_queue)

    def _add_unsubscribe(self) -> "lambda_.Function":
        function = add_function(
            self,
            "UnsubscribeFunction",
            handler="messaging/unsubscribe",
            description="Switches mail off for whoever follows the link of a mail",
            invocation=Invocation.REQUEST,
        )
        self._share(function, [self._on_people(["dynamodb:UpdateItem"], "USER")])
        return function

    def _polled(self, name: str, description: str, environment: dict[str, str]) -> "lambda_.Function":
        return add_function(
            self,
            f"{name}Function",
            handler=f"messaging/{name.lower()}",
            description=description,
            invocation=Invocation.POLLED,
            timeout=_TIMEOUT,
            environment=environment,
        )

    def _share(self, function: "lambda_.Function", statements: Sequence[iam.PolicyStatement]) -> None:
        environment = {
            "NOTICES_TABLE": self.table.table_name,
            "NOTICES_PLATFORMS": stack_of(self).to_json_string(self._applications),
        }
        share_module(self, function, layer="messaging/notices", environment=environment, statements=statements)
        if self.table.encryption_key is not None:
            self.table.encryption_key.grant(function, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")

    def _waiting(self) -> dict[str, str]:
        return {"WAITING_TABLE": self.waiting_table.table_name, "TIMER_QUEUE": self.timer_queue.queue_url}

    def _on_people(self, actions: Sequence[str], *prefixes: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=list(actions), resources=[self.table.table_arn], conditions=leading_keys(*prefixes)
        )

    def _on_waiting(self, *actions: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=[f"dynamodb:{action}" for action in actions], resources=[self.waiting_table.table_arn]
        )

    def _on_timers(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.timer_queue.queue_arn])

    def _allow_push(self, function: "lambda_.Function") -> None:
        applications = list(self._applications.values())
        endpoints = [_endpoints_of(arn) for arn in applications]
        actions = ["CreatePlatformEndpoint", "DeleteEndpoint", "Publish", "SetEndpointAttributes"]
        # SNS asks for some of these on the application, for others on the endpoint.
        statement = iam.PolicyStatement(
            actions=[f"sns:{action}" for action in actions], resources=[*applications, *endpoints]
        )
        allow_on_prefixes(
            function,
            "Push",
            [statement],
            prefixes=endpoints,
            reason="Endpoints are made when users register devices; these are the endpoints of the brought "
            "applications, and no topic.",
        )

    def _check_sender(self, sender: str, identity: "ses.IEmailIdentity") -> None:
        if Token.is_unresolved(sender):
            return
        address = parseaddr(sender)[1]
        if "@" not in address or not address.isascii() or not sender.isprintable():
            fix = "Use an address in ASCII, perhaps with a name: Chat <notices@example.com>"
            raise InvalidOptionError(self, "sender", f"is {sender!r}", fix)
        name = identity.email_identity_name
        domain = address.rpartition("@")[2]
        if not Token.is_unresolved(name) and name != address and f".{domain}".removesuffix(f".{name}") == f".{domain}":
            raise InvalidOptionError(
                self, "sender", f"{address} is not of the identity {name}", f"Use an address of {name}"
            )

    def _check_unsubscribe_url(self, url: str) -> None:
        if Token.is_unresolved(url):
            return
        if not re.fullmatch(r"https://[^\s?#]+", url):
            fix = "Use an https address without query, such as https://api.example.com/unsubscribe"
            raise InvalidOptionError(self, "unsubscribe_url", f"is {url!r}", fix)

    def _check_applications(self) -> None:
        for name, arn in self._applications.items():
            if not Token.is_unresolved(arn) and not _PLATFORM_APPLICATION.fullmatch(arn):
                problem = f"has {arn!r} as {name!r}"
                fix = (
                    "Use ARNs of platform applications: arn:aws:sns:<region>:<account>:app/APNS|APNS_SANDBOX|GCM/<name>"
                )
                raise InvalidOptionError(self, "platform_applications", problem, fix)


def _endpoints_of(application_arn: str) -> str:
    """Return what matches all endpoints of an application: ``…:endpoint/GCM/chat/*`` for ``…:app/GCM/chat``."""
    parts = Fn.split(":app/", application_arn)
    return f"{Fn.select(0, parts)}:endpoint/{Fn.select(1, parts)}/*"
