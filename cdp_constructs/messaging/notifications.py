"""Notifications: mails and pushes for users who are away, as each of them chose, and not too often."""

from collections.abc import Mapping
from typing import Literal

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import alarms_of
from cdp_constructs.core.cdk import cloudwatch, dynamodb, kms, lambda_, ses, sns, sqs
from cdp_constructs.core.configuration_sets import add_configuration_set
from cdp_constructs.core.keys import USE_KEY
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.places import check_region
from cdp_constructs.core.queues import (
    add_dead_letter_queue,
    add_work_queue,
    metric_dead_letters,
    metric_oldest_message,
)
from cdp_constructs.core.tables import (
    add_item_table,
    check_table,
)
from cdp_constructs.messaging._mail_feedback import queue_mail_feedback
from cdp_constructs.messaging._mail_refusals import add_refused_mail_alarm
from cdp_constructs.messaging._notification_checks import (
    check_platform_applications,
    check_sender,
    check_unsubscribe_url,
)
from cdp_constructs.messaging._notification_functions import (
    DEFAULT_VARIABLE,
    READ,
    WRITE,
    LogSettings,
    add_delivery,
    add_feedback,
    add_intake,
    add_unsubscribe,
    allow_on_people,
    share,
)

# At least six times the functions' timeout. SES's or a platform's outage of half an hour ends by itself.
_VISIBILITY = Duration.minutes(3)
_TRIES = 10


@checks_options
class Notifications(Construct):
    """Notifies users who are away, by mail and by push on mobile devices and in browsers, as each of them chose.

    CDP: none; the CDP chat example has it as "SES to PC users, SNS to mobile users".

    A queue of notices, one message for each user. The first notice of a user and topic is sent at once; what follows
    waits for a quiet period and is sent as one digest. Preferences and devices are in a table, on which a back end
    works with the module ``notices``::

        notices = Notifications(
            stack, "Notices", identity=identity, sender="Shop <notices@example.com>",
            unsubscribe_url="https://api.example.com/unsubscribe",
        )
        notices.grant_notify(shop)
        notices.share_with(settings_function)
    """

    queue: "sqs.Queue"
    """Receives notices: JSON with ``notice_id``, ``user``, ``topic``, ``title``, ``body``, ``link`` and perhaps
    ``language``."""
    dead_letter_queue: "sqs.Queue"
    """Keeps messages that are no notices, or that could not be kept."""
    timer_queue: "sqs.Queue"
    """Delayed messages, one for each user and topic for which something waits."""
    timer_dead_letter_queue: "sqs.Queue"
    """Keeps the timers whose mail or push failed for half an hour."""
    feedback_queue: "sqs.Queue"
    """Bounces and complaints of SES."""
    feedback_dead_letter_queue: "sqs.Queue"
    """Keeps bounces and complaints that could not be recorded."""
    table: "dynamodb.ITable"
    """Preferences and devices."""
    waiting_table: "dynamodb.ITable"
    """What waits to be sent in this Region."""
    platform_applications: dict[str, str]
    """ARNs of platform applications for push, by name."""
    web_push: "cdp_constructs.WebPush | None"
    """How browsers are reached; None: they are not."""
    vapid_keys: "cdp_constructs.VapidKeys | None"
    """The key pair of Web Push."""
    encryption_key: "kms.IKey | None"
    """The key of what is created here; None: each service encrypts with a key of its own."""
    delivery_function: "lambda_.Function"
    """Sends mails and pushes."""
    unsubscribe_function: "lambda_.Function"
    """Answers ``unsubscribe_url``, for HTTP APIs and function URLs."""
    configuration_set_name: str
    """The configuration set of SES that all mails carry."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        identity: "ses.IEmailIdentity",
        sender: str,
        unsubscribe_url: str,
        platform_applications: Mapping[str, str] | None = None,
        web_push: "cdp_constructs.WebPush | None" = None,
        issuer: "cdp_constructs.TokenIssuer | None" = None,
        table: "dynamodb.ITable | None" = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Create queues, tables and functions.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            identity: The verified domain or address that mails come from; of this account and Region. SES starts in a
                sandbox: 200 mails a day, verified recipients only
                (https://docs.aws.amazon.com/ses/latest/dg/quotas.html).
            sender: The ``From`` of mails, such as ``Chat <notices@example.com>``; readers see the name.
            unsubscribe_url: The https address at which everybody reaches ``unsubscribe_function``, with ``GET`` and
                ``POST`` and without sign-in. It is in every mail, with the user and a token as its query.
            platform_applications: ARNs of existing SNS platform applications of this Region by name, such as
                ``{"apns": …, "fcm": …}``: Apple's and Firebase's. Their credentials cannot be in a template. Default:
                no push to mobile devices.
            web_push: How browsers are reached: layer, contact, key pair and known push services. Default: no Web Push.
            issuer: The user pool, of any Region of this account, whose users are notified under their ``sub``:
                ``SignInUserPool.issuer`` or ``TokenIssuer.of_user_pool(…)``. Each is looked up before a mail or push:
                mail goes to the address that the account has verified by then, and who has no account any more is
                forgotten. Default: users are not looked up, and mail goes to the address of ``choose``.
            table: An existing table for preferences and devices, also a replica of a global table: keys ``pk`` and
                ``sk`` (strings), time to live by ``expires_at``. Its partition keys begin with ``USER#``, ``DEVICE#``
                and ``ADDRESS#``. Default: a new one.
            encryption_key: A customer-managed key for the tables, queues and logs that are created here. Default: each
                service encrypts with a key of its own.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the functions' logs are kept. Default: 3 months.
            removal_policy: What happens to the tables and log groups that are created here when the stack is deleted.
                Default: kept; the tables are then also protected from deletion.

        Raises:
            InvalidOptionError: for a sender that is no address or not of the identity, an address that is not https or
                has a query, an ARN that is no platform application of Apple's or Firebase's, an issuer that is no user
                pool, or resources of another Region.
        """
        super().__init__(scope, construct_id)
        self.platform_applications = dict(platform_applications or {})
        check_sender(self, sender, identity)
        check_unsubscribe_url(self, unsubscribe_url)
        check_platform_applications(self, self.platform_applications)
        self.encryption_key = encryption_key
        if web_push is not None:
            check_region(self, "web_push.layer", web_push.layer, of_type="aws_lambda.ILayerVersion")
        self.web_push = web_push
        self.vapid_keys = None if web_push is None else web_push.keys
        if web_push is not None and self.vapid_keys is None:
            self.vapid_keys = cdp_constructs.VapidKeys(
                self,
                "VapidKeys",
                encryption_key=encryption_key,
                log_retention=log_retention,
                removal_policy=removal_policy,
            )
        if table is not None:
            check_table(self, table, partition_key="pk", sort_key="sk")
        self.table = table or add_item_table(
            self, "Table", encryption_key=encryption_key, removal_policy=removal_policy
        )
        self.waiting_table = add_item_table(
            self, "WaitingTable", encryption_key=encryption_key, removal_policy=removal_policy
        )
        self.configuration_set_name = add_configuration_set(self, alarm_topic)
        self.dead_letter_queue, self.queue = self._add_queues("", alarm_topic, "notices that could not be kept")
        self.timer_dead_letter_queue, self.timer_queue = self._add_queues(
            "Timer", alarm_topic, "timers whose mail or push failed"
        )
        self.feedback_dead_letter_queue, self.feedback_queue = self._add_queues(
            "Feedback", alarm_topic, "bounces and complaints that could not be recorded"
        )
        queue_mail_feedback(
            self,
            self.configuration_set_name,
            self.feedback_queue,
            dead_letter_queue=self.feedback_dead_letter_queue,
            encryption_key=encryption_key,
        )
        logging = LogSettings(
            log_retention=log_retention, log_encryption_key=encryption_key, removal_policy=removal_policy
        )
        add_intake(self, logging)
        self.delivery_function = add_delivery(
            self, identity=identity, sender=sender, unsubscribe_url=unsubscribe_url, issuer=issuer, logging=logging
        )
        add_refused_mail_alarm(self, alarm_topic)
        add_feedback(self, logging)
        self.unsubscribe_function = add_unsubscribe(self, logging)

    def grant_notify(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a role or a function send notices to the queue."""
        grant = iam.Grant.add_to_principal(
            grantee=grantee, actions=["sqs:SendMessage"], resource_arns=[self.queue.queue_arn]
        )
        return grant if self.encryption_key is None else grant.combine(self.encryption_key.grant(grantee, *USE_KEY))

    def share_with(self, function: "lambda_.Function", *, variable: str = DEFAULT_VARIABLE) -> iam.Grant:
        """Let a function of a back end work on preferences and devices with the module ``notices``.

        Args:
            function: A Python function of the same Region. It gets the layer, the environment, and permission for the
                items of users and devices; whether an address takes mail it may only read.
            variable: Name of the environment variable, for a function that works on more than one ``Notifications``:
                ``Notices.from_environment("<variable>")``.

        Raises:
            InvalidOptionError: for a function that does not run Python, or a variable that is taken.
        """
        share(self, function, variable)
        grant = allow_on_people(self, function, [*READ, *WRITE], "USER", "DEVICE")
        return grant.combine(allow_on_people(self, function, ["dynamodb:GetItem"], "ADDRESS"))

    def metric_sent(
        self, channel: "Literal['mail', 'push', 'web_push']", *, period: Duration | None = None
    ) -> "cloudwatch.Metric":
        """Mails, or pushes to mobile devices or to browsers, that were handed over, per 5 minutes by default."""
        name = {"mail": "SentMails", "push": "SentPushes", "web_push": "SentWebPushes"}[channel]
        return function_metric(self.delivery_function, name, period=period)

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Mails that SES did not take, repetitions included, per 5 minutes by default."""
        return function_metric(self.delivery_function, "RejectedMails", period=period)

    def metric_sending_disabled(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Those of ``metric_rejected`` that SES refused to any address: the account or the identity may not send."""
        return function_metric(self.delivery_function, "SendingDisabled", period=period)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest notice that was not kept yet, per minute by default."""
        return metric_oldest_message(self.queue, period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages in ``dead_letter_queue``, per minute by default."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    def metric_timer_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Timers in ``timer_dead_letter_queue``, whose mail or push failed for half an hour. Per minute by default."""
        return metric_dead_letters(self.timer_dead_letter_queue, period=period)

    def metric_feedback_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Bounces and complaints in ``feedback_dead_letter_queue``, per minute by default."""
        return metric_dead_letters(self.feedback_dead_letter_queue, period=period)

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms of these notifications, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def _add_queues(self, name: str, alarm_topic: "sns.ITopic | None", holds: str) -> "tuple[sqs.Queue, sqs.Queue]":
        failed = add_dead_letter_queue(
            self,
            f"{name}DeadLetterQueue",
            alarm_topic=alarm_topic,
            holds=holds,
            encryption_key=self.encryption_key,
        )
        work = add_work_queue(
            self,
            f"{name}Queue",
            dead_letter_queue=failed,
            visibility_timeout=_VISIBILITY,
            max_receive_count=_TRIES,
            encryption_key=self.encryption_key,
        )
        return failed, work
