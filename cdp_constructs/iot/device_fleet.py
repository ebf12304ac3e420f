"""DeviceFleet: devices that get their identity by themselves, and can publish and subscribe only as themselves."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_logs as logs
from constructs import Construct

import cdp_constructs
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.cdk import certificatemanager as acm
from cdp_constructs.core.cdk import cloudwatch, dynamodb, kms, lambda_, sns, sqs
from cdp_constructs.core.metrics import function_metric
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import days, minutes, seconds
from cdp_constructs.core.queues import metric_dead_letters, metric_oldest_message
from cdp_constructs.core.tables import add_table, check_table
from cdp_constructs.core.validation import check_duration, check_exclusive
from cdp_constructs.iot import _device_policies as device_policies
from cdp_constructs.iot._basic_ingest import EVERY_OTHER, BasicIngest
from cdp_constructs.iot._certificate_life import (
    CERTIFICATE_IN_USE,
    CertificateLife,
    add_certificate_authority,
    add_confirmation_rule,
)
from cdp_constructs.iot._common import CommonOptions, allow_items, check_topics
from cdp_constructs.iot._endpoint import add_endpoint
from cdp_constructs.iot._provisioning import add_hook, add_provisioning_role, add_template, template_body
from cdp_constructs.iot._security_profile import add_security_profile
from cdp_constructs.iot._things import Things, add_things
from cdp_constructs.iot.claim_certificate import ClaimCertificate, add_claim_certificate

__all__ = ["DeviceFleet"]

_REJECTIONS_THAT_ALARM = 10
_LONGEST_LIFETIME = Duration.days(3650)
_LONGEST_CLAIM_WINDOW = Duration.days(1)
_GATHERING = "an hour of measurements still fits into a few messages"
_LIFETIME_SOURCE = "https://docs.aws.amazon.com/iot/latest/developerguide/device-certs-create.html"


@checks_options
class DeviceFleet(Construct):
    """A fleet of AWS IoT devices, each with an X.509 certificate that lets it act for itself only.

    CDP: none (the catalogue is older than AWS IoT). AWS: fleet provisioning, just-in-time registration. A device claims
    its identity with a certificate that is good for nothing else, if its serial number is on the allow-list; it renews
    its certificate as itself.

        fleet = DeviceFleet(self, "Sensors", app="sensors", contexts=["home", "factory"], alarm_topic=operators)
        fleet.add_claim_certificate("Line1", certificate_arn="arn:aws:iot:us-east-1:111122223333:cert/0123456789abcdef")
    """

    topics: "cdp_constructs.TopicSpace"
    """The fleet's topics."""
    contexts: tuple[str, ...]
    """The sites or groups of its devices."""
    table: "dynamodb.ITable"
    """The allow-list: ``serial_number`` (key), ``context``, optionally ``kind`` and ``status``."""
    encryption_key: "kms.IKey | None"
    """Encrypts what is created here; None when AWS encrypts with keys of its own."""
    thing_type: iot.CfnThingType
    """The type of the things, whose attributes ``context`` and ``kind`` are searchable."""
    group: iot.CfnThingGroup
    """The thing group of all devices, parent of ``groups``."""
    groups: Mapping[str, iot.CfnThingGroup]
    """The thing group of each context."""
    group_names: Mapping[str, str]
    """The name of each context's thing group, which ``Ref`` of the L1 does not give."""
    provisioning_template: iot.CfnProvisioningTemplate
    """What devices name when they ask for an identity."""
    claim_policy: iot.CfnPolicy
    """What claim certificates may do."""
    device_policies: Sequence[iot.CfnPolicy]
    """What devices may do."""
    registration_function: "lambda_.Function"
    """The pre-provisioning hook: decides which devices get an identity."""
    certificates_function: "lambda_.Function"
    """Retires certificates, and registers devices of a CA of your own."""
    queue: "sqs.Queue"
    """Messages about certificates."""
    dead_letter_queue: "sqs.Queue"
    """Messages about certificates that failed five times."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        app: str,
        contexts: Sequence[str],
        table: "dynamodb.ITable | None" = None,
        certificate_lifetime: Duration | None = None,
        claim_window: Duration | None = None,
        encryption_key: "kms.IKey | None" = None,
        alarm_topic: "sns.ITopic | None" = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Add the fleet.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            app: The application level of the topics, 1 to 64 letters, digits, ``_`` and ``-``.
            contexts: The sites or groups that devices can be in, 1 to 40; not ``all``.
            table: An existing allow-list: a table with the partition key ``serial_number`` (string) and no sort key.
                Default: a new one, on demand, with point-in-time recovery.
            certificate_lifetime: The age at which devices renew certificates, 1 day to 10 years. Default: 365 days.
            claim_window: How long after its first claim a device that has not used its certificate yet may claim
                another one, 1 minute to 1 day; the earlier one is retired, and an alarm notifies. After it an operator
                has to allow it again. Default: 1 hour.
            encryption_key: A customer-managed key for table, queues and logs. Default: keys of AWS.
            alarm_topic: Receives the alarms. Default: no alarms.
            log_retention: How long the functions' logs are kept.
            removal_policy: What happens to the new table and the logs when the stack is deleted.

        Raises:
            InvalidOptionError: for levels that topics cannot have, too many contexts, a lifetime or claim window out of
                range, options that exclude each other, and resources of another Region.
        """
        super().__init__(scope, construct_id)
        self.topics, self.contexts = check_topics(self, app, contexts)
        lifetime = certificate_lifetime or days(365)
        check_duration(
            self,
            "certificate_lifetime",
            lifetime,
            low=days(1),
            high=_LONGEST_LIFETIME,
            source=_LIFETIME_SOURCE,
        )
        window = claim_window or minutes(60)
        check_duration(
            self,
            "claim_window",
            window,
            low=minutes(1),
            high=_LONGEST_CLAIM_WINDOW,
            source="longer, a stolen claim certificate is good for every device that has not connected yet",
        )
        check_exclusive(self, {"table": table}, {"removal_policy": removal_policy})
        self.encryption_key = encryption_key
        table_key = encryption_key if table is None else None
        self._common = CommonOptions(encryption_key, table_key, alarm_topic, log_retention, removal_policy)
        if table is not None:
            check_table(self, table, partition_key="serial_number", expires=False)
        self.table = table or add_table(
            self,
            "AllowList",
            partition_key="serial_number",
            expires=False,
            encryption_key=encryption_key,
            removal_policy=removal_policy,
        )
        things = add_things(self, self.contexts)
        self.thing_type, self.group, self.groups = things.thing_type, things.group, things.groups
        self.group_names = things.group_names
        template = Names.unique_resource_name(self, max_length=36, allowed_special_characters="_-")
        self._configuration = {"app": app, "template": template, "renew_after_days": str(lifetime.to_days())}
        stack = stack_of(self)
        self._prefix = f"arn:{stack.partition}:iot:{stack.region}:{stack.account}"
        self._add_certificates(template, things)
        self._add_provisioning(template, things, window)
        add_alarm(
            self,
            "RefusedAlarm",
            self.metric_rejected(),
            alarm_topic=alarm_topic,
            threshold=_REJECTIONS_THAT_ALARM,
            description=f"{path_of(self)}: many devices were refused an identity within 5 minutes. Look at the logs "
            "of the registration function: the allow-list is out of date, or somebody tries serial numbers.",
        )
        add_alarm(
            self,
            "RepeatedClaimAlarm",
            self.metric_repeated_claims(),
            alarm_topic=alarm_topic,
            description=f"{path_of(self)}: a serial number whose certificate was not in use yet was claimed again. "
            "Look at the logs of the registration function: the device lost power, or somebody else claims as it.",
        )

    @property
    def alarms(self) -> "list[cloudwatch.Alarm]":
        """The alarms, for a composite alarm or a dashboard."""
        return alarms_of(self)

    def add_claim_certificate(
        self,
        construct_id: str,
        *,
        certificate_arn: str | None = None,
        certificate_signing_request: str | None = None,
    ) -> ClaimCertificate:
        """Let the holders of a certificate ask for identities.

        Args:
            construct_id: Id inside this fleet.
            certificate_arn: A certificate that is registered in this account.
            certificate_signing_request: PEM of a signing request whose key stays where devices are made; AWS IoT signs
                it.

        Raises:
            InvalidOptionError: unless one of both is given.
        """
        return add_claim_certificate(
            self,
            construct_id,
            policy=self.claim_policy,
            certificate_arn=certificate_arn,
            certificate_signing_request=certificate_signing_request,
        )

    def grant_create_claim(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let the application of an installer create claim certificates that are valid for five minutes."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["iot:CreateProvisioningClaim"],
            resource_arns=[self.provisioning_template.attr_template_arn],
            scope=self,
        )

    def grant_lookup(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a function look up single devices on the allow-list, and use the table's key."""
        return allow_items(self.table, grantee, "dynamodb:GetItem", encryption_key=self._common.table_key)

    def add_certificate_authority(self, construct_id: str, *, certificate: str) -> iot.CfnCACertificate:
        """Let devices register with certificates of your own CA at their first connection (just-in-time registration).

        The common name of such a certificate is the serial number. The first connection ends without an answer while
        the device is registered; it tries again a few seconds later. Devices send the server name in TLS (SNI).

        Args:
            construct_id: Id inside this fleet.
            certificate: The CA's certificate, PEM.
        """
        return add_certificate_authority(
            self, construct_id, certificate=certificate, queue=self.queue, common=self._common
        )

    def add_endpoint(
        self,
        construct_id: str,
        *,
        domain_name: str | None = None,
        server_certificate: "acm.ICertificate | None" = None,
    ) -> iot.CfnDomainConfiguration:
        """Add an endpoint that takes MQTT with client certificates over TLS 1.2 and 1.3, and nothing else.

        Args:
            construct_id: Id inside this fleet.
            domain_name: A domain of your own. Default: AWS chooses one (``aws iot describe-domain-configuration``).
            server_certificate: The certificate of that domain, of this Region.

        Raises:
            InvalidOptionError: when only one of both is given.
        """
        return add_endpoint(self, construct_id, domain_name=domain_name, server_certificate=server_certificate)

    def add_security_profile(
        self, construct_id: str, *, messages_per_5_minutes: int = 600, refusals_per_5_minutes: int = 5
    ) -> iot.CfnSecurityProfile:
        """Watch how each device behaves (Device Defender Detect), with an alarm for each behaviour.

        AWS takes no new customers for Detect since 2026-08-31, so this needs an account that has used it before:
        https://docs.aws.amazon.com/iot-device-defender/latest/devguide/detect-cloud-side-metrics.html

        Args:
            construct_id: Id inside this fleet.
            messages_per_5_minutes: Most messages that a device sends in 5 minutes.
            refusals_per_5_minutes: Most requests of a device that its policies deny in 5 minutes.
        """
        return add_security_profile(
            self,
            construct_id,
            group=self.group,
            messages_per_5_minutes=messages_per_5_minutes,
            refusals_per_5_minutes=refusals_per_5_minutes,
            alarm_topic=self._common.alarm_topic,
        )

    def allow_basic_ingest(self, rule: "cdp_constructs.TopicRule", *, kind: str = EVERY_OTHER) -> None:
        """Let devices publish telemetry straight to a rule, at no messaging charge; only that rule receives it.

        A device gets the rule's name with its identity: existing devices change over when they renew it.

        Args:
            rule: A rule of this account and Region.
            kind: The type of telemetry. Default: every type without a rule of its own.

        Raises:
            InvalidOptionError: for a type that topics cannot have, or that has a rule already.
        """
        self._ingest.add(rule, kind)
        self.provisioning_template.template_body = self._template_body()

    def gather(self, interval: Duration, *, thresholds: "Sequence[cdp_constructs.Threshold]" = ()) -> None:
        """Let devices send the measurements of an interval as one message, and at once when a threshold is crossed.

        What reads the messages must take several measurements: ``SpeedLayer`` does, ``BatchLayer`` with ``gathered``.
        A device gets this with its identity: existing devices change over when they renew it, or as soon as their
        shadow desires ``gather_seconds`` and ``limits``.

        Args:
            interval: How old the latest state may be as long as no threshold is crossed, 1 second to 1 hour.
            thresholds: Those of ``SpeedLayer.add_threshold`` whose crossing and recovery devices send at once. Others
                are noticed with the next message. Default: none.

        Raises:
            InvalidOptionError: for an interval out of range.
        """
        check_duration(self, "interval", interval, low=seconds(1), high=Duration.hours(1), source=_GATHERING)
        limits = [
            f"{each.measure}{'>' if each.above else '<'}{each.limit}/{each.recovers_at}"
            for each in dict.fromkeys(thresholds)
        ]
        gathering = {"gather_seconds": str(interval.to_seconds()), "limits": ",".join(limits)}
        self._configuration = {**self._configuration, **gathering}
        self.provisioning_template.template_body = self._template_body()

    def metric_rejected(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Devices that were refused an identity. Default period: 5 minutes."""
        return function_metric(self.registration_function, "RefusedRegistrations", period=period)

    def metric_repeated_claims(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Claims of devices that had claimed a certificate and not used it yet. Default period: 5 minutes."""
        return function_metric(self.registration_function, "RepeatedClaims", period=period)

    def metric_lag(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Age in seconds of the oldest message about a certificate that waits. Default period: 1 minute."""
        return metric_oldest_message(self.queue, period=period)

    def metric_dead_letters(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Messages about certificates in the dead-letter queue. Default period: 1 minute."""
        return metric_dead_letters(self.dead_letter_queue, period=period)

    def _add_certificates(self, template: str, things: Things) -> None:
        app = self.topics.app
        self.claim_policy = self._policy("ClaimPolicy", device_policies.claiming(self._prefix, template))
        talk = self._policy("TalkPolicy", device_policies.talking(self._prefix, app))
        service = self._policy("ServicePolicy", device_policies.serving(self._prefix, template))
        confirmation = add_confirmation_rule(self, self.topics, self._common)
        self._ingest = BasicIngest(self, "IngestPolicy", prefix=self._prefix, app=app)
        self._ingest.add(confirmation, CERTIFICATE_IN_USE)
        self.device_policies = [talk, service, self._ingest.policy]
        life = CertificateLife(
            self,
            table=self.table,
            things=things,
            policies=self.device_policies,
            prefix=self._prefix,
            common=self._common,
        )
        confirmation.add_queue(life.queue)
        self.queue, self.dead_letter_queue, self.certificates_function = (
            life.queue,
            life.dead_letter_queue,
            life.function,
        )

    def _add_provisioning(self, template: str, things: Things, claim_window: Duration) -> None:
        self.registration_function = add_hook(
            self,
            table=self.table,
            things=things,
            prefix=self._prefix,
            claim_window=claim_window,
            common=self._common,
        )
        role = add_provisioning_role(self, "ProvisioningRole", things=things, policies=self.device_policies)
        self.provisioning_template = add_template(
            self, template, body=self._template_body(), hook=self.registration_function, role=role
        )

    def _policy(self, construct_id: str, document: Mapping[str, object]) -> iot.CfnPolicy:
        return iot.CfnPolicy(self, construct_id, policy_document=document)

    def _template_body(self) -> str:
        return template_body(
            thing_type=self.thing_type.ref,
            policies=[policy.ref for policy in self.device_policies],
            configuration={**self._configuration, "ingest": self._ingest.configuration()},
        )
