"""DeviceFleet: devices that prove who they are, get their identity by themselves, and can only speak for themselves."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Duration, Fn, Names, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.functions import Invocation, add_function, allow_on_prefixes, consume_queue
from cdp_constructs.core.paths import path_of, stack_of
from cdp_constructs.core.periods import days, minutes, seconds
from cdp_constructs.core.queues import add_dead_letter_queue, add_work_queue
from cdp_constructs.core.validation import InvalidOptionError, check_duration
from cdp_constructs.iot import _device_policy as device_policy
from cdp_constructs.iot._provisioning import add_provisioning_role, template_body
from cdp_constructs.iot.topic_rule import TopicRule, select
from cdp_constructs.iot.topics import EVERYONE, THING_LEVEL, InvalidTopicError, TopicSpace, check_level

if TYPE_CHECKING:
    from aws_cdk import aws_certificatemanager as acm
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns

_CERTIFICATE = "certificate"
"""Type of the message by which a device says which certificate it uses."""
_REFUSALS_THAT_ALARM = 10
# The groups of all contexts are variables of the functions, which take 4 KB.
_MOST_CONTEXTS = 40
# A certificate by AWS IoT from a signing request is valid until the end of 2049; this is when a device renews it.
_LONGEST_LIFETIME = Duration.days(3650)
_LIFETIME_SOURCE = "https://docs.aws.amazon.com/iot/latest/developerguide/device-certs-create.html"
_TLS_POLICY = "IoTSecurityPolicy_TLS13_1_2_2022_10"


class DeviceFleet(Construct):
    """Let devices join by themselves, and let each of them speak for nobody else.

    CDP: none (the catalogue is older than AWS IoT). AWS: fleet provisioning, just-in-time registration.

    Problem: a million devices cannot be set up one by one, a secret that is the same in all of them protects none, and
    a device that is broken into must not be able to speak for the others.

    Solution: a device comes with a *claim* certificate that is good for one thing: asking for an identity. AWS IoT asks
    ``registration_function``, which looks the serial number up in ``allow_list``; the device gets a certificate for a
    key that never left it, a thing of its own, and the thing's group, attributes and policies. Its policies are written
    with variables of the thing, so that one text holds for all: it connects as itself only (client id = thing name =
    serial number), publishes below ``dt/<app>/<context>/<thing>/``, takes commands for itself, its context and
    everyone, and uses its own shadows and jobs. ``context``, its site or group, comes from the allow-list, not from it.

    It renews its certificate before ``certificate_lifetime`` is over by asking for another one as itself. When it has
    connected with that, the earlier ones are deactivated. A serial number that is in use cannot be claimed again.

    TLS 1.2 or newer with client certificates is the only way in; ``add_endpoint`` makes an endpoint that takes nothing
    else. Not for: devices without a clock or a key store of their own, and applications (they sign in with Cognito).

    What an account has only once (logging, audits, index) is ``IotAccountSettings``.

    Limits: policies of 2,048 characters; 10 policies per certificate; provisioning templates of 10,240 bytes; 10
    RegisterThing and 10 CreateCertificateFromCsr requests a second over MQTT (soft); thing groups seven levels deep.
    Source: https://docs.aws.amazon.com/general/latest/gr/iot-core.html.

    Args:
        scope: The stack or construct that it becomes part of.
        construct_id: Id inside ``scope``.
        app: The application level of its topics, 1 to 64 letters, digits, ``_`` and ``-``.
        contexts: The sites or groups that its devices can be in, at most 40; not ``all``.
        allow_list: A table with the partition key ``serial_number`` (text). Items have ``context``, optionally ``kind``
            (what the device is, ``device`` by default) and ``status`` (``allowed`` by default, or ``blocked``); the
            fleet writes the rest. By default one is made: on demand, point-in-time recovery, deletion protection.
        certificate_lifetime: After how long a device renews its certificate, 1 day to 10 years; a year by default.
        alarm_topic: Receives the alarms; by default there are none.
        removal_policy: What happens to the table that is made here when the stack goes; it is kept by default.

    Attributes:
        topics: Its topics.
        contexts: As given.
        allow_list: Who may join.
        thing_type: The type of its things; their attributes ``context`` and ``kind`` are searchable.
        group: The group of all, parent of ``groups``.
        groups: The group of each context.
        provisioning_template: What devices name when they ask for an identity.
        claim_policy: What claim certificates may do.
        device_policies: What devices may do.
        registration_function: The hook.
        certificates_function: Retires certificates and registers devices of an own CA.
        dead_letter_queue: Messages about certificates that could not be worked on.

    Raises:
        InvalidOptionError: for levels that topics cannot have, too many contexts, or a lifetime out of range.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        app: str,
        contexts: Sequence[str],
        allow_list: dynamodb.ITable | None = None,
        certificate_lifetime: Duration | None = None,
        alarm_topic: "sns.ITopic | None" = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        lifetime = certificate_lifetime or days(365)
        check_duration(
            self,
            "certificate_lifetime",
            lifetime,
            low=days(1),
            high=_LONGEST_LIFETIME,
            source=_LIFETIME_SOURCE,
        )
        self.topics, self.contexts = _check_topics(self, app, contexts)
        self._alarm_topic = alarm_topic
        self.allow_list = self._bring_or_make_table(allow_list, removal_policy)
        self.thing_type = iot.CfnThingType(
            self,
            "ThingType",
            thing_type_properties=iot.CfnThingType.ThingTypePropertiesProperty(
                thing_type_description=f"Devices of {path_of(self)}", searchable_attributes=["context", "kind"]
            ),
        )
        self.group = iot.CfnThingGroup(self, "Group")
        self.groups = {
            context: iot.CfnThingGroup(self, f"Group{context}", parent_group_name=group_name(self.group))
            for context in self.contexts
        }
        template = Names.unique_resource_name(self, max_length=36, allowed_special_characters="_-")
        self._ingest: dict[str, str] = {}
        self._configuration = {
            "app": app,
            "template": template,
            "renew_after_days": str(lifetime.to_days()),
        }
        self._make_policies(template)
        self._receive_certificate_messages()
        self.registration_function: lambda_.Function = self._make_hook()
        self._make_template(template)
        add_alarm(
            self,
            "RefusedAlarm",
            self.metric_refused(),
            alarm_topic=alarm_topic,
            threshold=_REFUSALS_THAT_ALARM,
            description=f"{path_of(self)}: many devices were refused an identity within 5 minutes. Look at the logs "
            "of the registration function: the allow-list is behind, or somebody tries serial numbers.",
        )

    def add_claim_certificate(
        self,
        construct_id: str,
        *,
        certificate_arn: str | None = None,
        certificate_signing_request: str | None = None,
    ) -> str:
        """Let the holders of a certificate ask for identities, and return its ARN.

        Args:
            construct_id: Id inside this fleet.
            certificate_arn: A certificate that is registered in this account.
            certificate_signing_request: PEM of a request whose key stays where devices are made; AWS IoT signs it.

        Raises:
            InvalidOptionError: unless one of both is given.
        """
        if (certificate_arn is None) == (certificate_signing_request is None):
            raise InvalidOptionError(
                self,
                "certificate_arn",
                "and certificate_signing_request are both given, or neither",
                "Give the ARN of a registered certificate, or a signing request to have one made",
            )
        claim = Construct(self, construct_id)
        if certificate_signing_request is not None:
            certificate = iot.CfnCertificate(
                claim, "Certificate", status="ACTIVE", certificate_signing_request=certificate_signing_request
            )
            certificate_arn = certificate.attr_arn
        iot.CfnPolicyPrincipalAttachment(
            claim, "Policy", policy_name=self.claim_policy.ref, principal=str(certificate_arn)
        )
        return str(certificate_arn)

    def grant_create_claim(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a person's application make claim certificates that are good for five minutes (trusted user)."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["iot:CreateProvisioningClaim"],
            resource_arns=[self.provisioning_template.attr_template_arn],
            scope=self,
        )

    def add_certificate_authority(self, construct_id: str, *, certificate: str) -> iot.CfnCACertificate:
        """Let devices join with certificates that your own CA signed, at their first connection (just in time).

        The common name of such a certificate is the serial number. The first connection ends without an answer while
        the device is registered; it tries again a few seconds later. Devices send the server name in TLS (SNI).

        Args:
            construct_id: Id inside this fleet.
            certificate: The CA's certificate, PEM.
        """
        joining = Construct(self, construct_id)
        authority = iot.CfnCACertificate(
            joining,
            "Certificate",
            ca_certificate_pem=certificate,
            status="ACTIVE",
            auto_registration_status="ENABLE",
            certificate_mode="SNI_ONLY",
        )
        rule = TopicRule(
            joining,
            "Registered",
            sql=select("*", f"$aws/events/certificates/registered/{authority.ref}"),
            description=f"New certificates of a CA of {path_of(self)}",
            alarm_topic=self._alarm_topic,
        )
        rule.add_queue(self.queue)
        return authority

    def add_endpoint(
        self,
        construct_id: str,
        *,
        domain_name: str | None = None,
        server_certificate: "acm.ICertificate | None" = None,
    ) -> iot.CfnDomainConfiguration:
        """Make an endpoint that takes MQTT with client certificates over TLS 1.2 and 1.3, and nothing else.

        Args:
            construct_id: Id inside this fleet.
            domain_name: A domain of your own; by default AWS chooses one (``aws iot describe-domain-configuration``).
            server_certificate: The certificate of that domain, of this Region.

        Raises:
            InvalidOptionError: when only one of both is given.
        """
        if (domain_name is None) != (server_certificate is None):
            raise InvalidOptionError(
                self, "domain_name", "and server_certificate belong together", "Give both, or neither"
            )
        return iot.CfnDomainConfiguration(
            self,
            construct_id,
            domain_name=domain_name,
            server_certificate_arns=None if server_certificate is None else [server_certificate.certificate_arn],
            authentication_type="AWS_X509",
            application_protocol="SECURE_MQTT",
            service_type="DATA",
            tls_config=iot.CfnDomainConfiguration.TlsConfigProperty(security_policy=_TLS_POLICY),
        )

    def add_security_profile(
        self, construct_id: str, *, messages_per_5_minutes: int = 600, refusals_per_5_minutes: int = 5
    ) -> iot.CfnSecurityProfile:
        """Watch how each device behaves (Device Defender Detect), with an alarm for each behaviour.

        AWS takes no new customers for Detect since 2026-08-31, so this needs an account that has used it before:
        https://docs.aws.amazon.com/iot-device-defender/latest/devguide/detect-cloud-side-metrics.html

        Args:
            construct_id: Id inside this fleet.
            messages_per_5_minutes: Most messages that a device sends in 5 minutes.
            refusals_per_5_minutes: Most requests of a device that its policies refuse in 5 minutes.
        """
        limits = {
            "MessagesSent": ("aws:num-messages-sent", messages_per_5_minutes),
            "RefusedRequests": ("aws:num-authorization-failures", refusals_per_5_minutes),
        }
        profile = iot.CfnSecurityProfile(
            self,
            construct_id,
            security_profile_description=f"How devices of {path_of(self)} behave",
            target_arns=[self.group.attr_arn],
            behaviors=[
                iot.CfnSecurityProfile.BehaviorProperty(
                    name=name,
                    metric=metric,
                    criteria=iot.CfnSecurityProfile.BehaviorCriteriaProperty(
                        comparison_operator="less-than-equals",
                        value=iot.CfnSecurityProfile.MetricValueProperty(count=str(most)),
                        duration_seconds=300,
                        consecutive_datapoints_to_alarm=1,
                        consecutive_datapoints_to_clear=1,
                    ),
                )
                for name, (metric, most) in limits.items()
            ],
        )
        for name in limits:
            add_alarm(
                self,
                f"{construct_id}{name}Alarm",
                _metric("AWS/IoT", "Violations", {"SecurityProfileName": profile.ref, "BehaviorName": name}, None),
                alarm_topic=self._alarm_topic,
                description=f"{path_of(self)}: a device breaks the behaviour {name}. List the active violations of "
                "the security profile, deactivate that device's certificate if it is not its owner's doing.",
            )
        return profile

    def allow_basic_ingest(self, rule: TopicRule, *, kind: str = "*") -> None:
        """Let devices publish telemetry straight to a rule, which saves the messaging charge: only that rule gets it.

        A device hears of it with its identity, so those that are there already change over when they renew it.

        Args:
            rule: A rule of this account and Region.
            kind: The type of telemetry; by default every one that has no rule of its own.

        Raises:
            InvalidOptionError: for a type that topics cannot have, or that has a rule already.
        """
        if kind in self._ingest:
            raise InvalidOptionError(self, "kind", f"{kind!r} has a rule already", "Add actions to that rule")
        if kind != "*":
            _checked(self, "kind", kind)
        self._ingest[kind] = rule.rule_name
        self._update_ingest()

    def metric_refused(self, *, period: Duration | None = None) -> "cloudwatch.Metric":
        """Devices that were refused an identity, per 5 minutes by default."""
        dimensions = {"function_name": self.registration_function.function_name}
        return _metric("CdpConstructs", "RefusedRegistrations", dimensions, period)

    def _bring_or_make_table(
        self, table: dynamodb.ITable | None, removal_policy: RemovalPolicy | None
    ) -> dynamodb.ITable:
        if table is None:
            policy = removal_policy or RemovalPolicy.RETAIN
            return dynamodb.TableV2(
                self,
                "AllowList",
                partition_key=dynamodb.Attribute(name="serial_number", type=dynamodb.AttributeType.STRING),
                point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                    point_in_time_recovery_enabled=True
                ),
                deletion_protection=policy is not RemovalPolicy.DESTROY,
                removal_policy=policy,
            )
        if removal_policy is not None:
            raise InvalidOptionError(
                self, "removal_policy", "was given together with allow_list", "A brought table is not reconfigured"
            )
        return table

    def _group_names(self) -> str:
        return json.dumps({context: group_name(group) for context, group in self.groups.items()})

    def _make_policies(self, template: str) -> None:
        stack = stack_of(self)
        self._prefix = f"arn:{stack.partition}:iot:{stack.region}:{stack.account}"
        self.claim_policy = iot.CfnPolicy(
            self, "ClaimPolicy", policy_document=device_policy.claiming(self._prefix, template)
        )
        documents = {
            "TalkPolicy": device_policy.talking(self._prefix, self.topics.app),
            "ServicePolicy": device_policy.serving(self._prefix, template),
        }
        self.device_policies = [
            iot.CfnPolicy(self, name, policy_document=document) for name, document in documents.items()
        ]

    def _receive_certificate_messages(self) -> None:
        confirmation = TopicRule(
            self,
            "CertificateInUse",
            sql=select(
                f"topic({THING_LEVEL}) AS thing, principal() AS certificate_id",
                self.topics.telemetry_filter(kind=_CERTIFICATE),
            ),
            description=f"Which certificates the devices of {path_of(self)} use",
            alarm_topic=self._alarm_topic,
        )
        self._ingest[_CERTIFICATE] = confirmation.rule_name
        self._ingest_policy = iot.CfnPolicy(self, "IngestPolicy", policy_document=self._ingest_document())
        self.device_policies.append(self._ingest_policy)
        self.dead_letter_queue = add_dead_letter_queue(
            self, "DeadLetterQueue", alarm_topic=self._alarm_topic, holds="messages about certificates that failed"
        )
        self.queue = add_work_queue(
            self, "Queue", dead_letter_queue=self.dead_letter_queue, visibility_timeout=minutes(3)
        )
        confirmation.add_queue(self.queue)
        self.certificates_function: lambda_.Function = add_function(
            self,
            "CertificatesFunction",
            handler="iot/certificates",
            description="Retires certificates that devices no longer use; registers devices of an own CA",
            invocation=Invocation.POLLED,
            timeout=seconds(30),
            environment={
                "ALLOW_LIST": self.allow_list.table_name,
                "CERTIFICATES": f"{self._prefix}:cert",
                "GROUPS": self._group_names(),
                "POLICIES": json.dumps([policy.ref for policy in self.device_policies]),
                "THING_TYPE": self.thing_type.ref,
            },
        )
        self.allow_list.grant(self.certificates_function, "dynamodb:GetItem", "dynamodb:UpdateItem")
        things, certificates = f"{self._prefix}:thing/*", f"{self._prefix}:cert/*"
        allow_on_prefixes(
            self.certificates_function,
            "Registry",
            [
                iam.PolicyStatement(
                    actions=["iot:CreateThing", "iot:AttachThingPrincipal", "iot:DetachThingPrincipal"],
                    resources=[things, certificates, self.thing_type.attr_arn],
                ),
                iam.PolicyStatement(
                    actions=["iot:DescribeCertificate", "iot:UpdateCertificate", "iot:AttachPolicy"],
                    resources=[certificates],
                ),
                iam.PolicyStatement(
                    actions=["iot:AddThingToThingGroup"],
                    resources=[things, *(group.attr_arn for group in self.groups.values())],
                ),
            ],
            prefixes=[things, certificates],
            reason="Things and certificates come with the devices, and no ARN tells those of one fleet from others.",
        )
        consume_queue(self, "Certificates", self.certificates_function, self.queue)

    def _make_hook(self) -> "lambda_.Function":
        function = add_function(
            self,
            "RegistrationFunction",
            handler="iot/registration",
            description="Decides which devices get an identity",
            invocation=Invocation.REQUEST,
            # AWS IoT waits 5 seconds for the answer.
            timeout=seconds(5),
            memory_size=512,
            environment={
                "ALLOW_LIST": self.allow_list.table_name,
                "GROUPS": self._group_names(),
            },
        )
        self.allow_list.grant(function, "dynamodb:GetItem", "dynamodb:UpdateItem")
        return function

    def _make_template(self, name: str) -> None:
        from aws_cdk import aws_lambda as lambda_

        stack = stack_of(self)
        permission = lambda_.CfnPermission(
            self,
            "HookPermission",
            action="lambda:InvokeFunction",
            function_name=self.registration_function.function_arn,
            principal="iot.amazonaws.com",
            source_account=stack.account,
            source_arn=stack.format_arn(service="iot", resource="provisioningtemplate", resource_name=name),
        )
        role = add_provisioning_role(
            self,
            "ProvisioningRole",
            groups=list(self.groups.values()),
            policies=self.device_policies,
            thing_type=self.thing_type,
        )
        self.provisioning_template = iot.CfnProvisioningTemplate(
            self,
            "Template",
            template_name=name,
            description=f"Identities for devices of {path_of(self)}"[:500],
            enabled=True,
            provisioning_role_arn=role.role_arn,
            template_body=self._template_body(),
            pre_provisioning_hook=iot.CfnProvisioningTemplate.ProvisioningHookProperty(
                target_arn=self.registration_function.function_arn, payload_version="2020-04-01"
            ),
        )
        # AWS IoT refuses a template whose hook it may not call.
        self.provisioning_template.node.add_dependency(permission)

    def _template_body(self) -> str:
        ingest = ",".join(f"{kind}={rule}" for kind, rule in self._ingest.items())
        return template_body(
            thing_type=self.thing_type.ref,
            policies=[policy.ref for policy in self.device_policies],
            configuration={**self._configuration, "ingest": ingest},
        )

    def _ingest_document(self) -> dict[str, object]:
        return device_policy.ingesting(self._prefix, self.topics.app, self._ingest)

    def _update_ingest(self) -> None:
        self._ingest_policy.policy_document = self._ingest_document()
        self.provisioning_template.template_body = self._template_body()


def group_name(group: iot.CfnThingGroup) -> str:
    """Return the name of a thing group: ``Ref`` gives its id."""
    return Fn.select(1, Fn.split("/", group.attr_arn))


def _check_topics(construct: Construct, app: str, contexts: Sequence[str]) -> tuple[TopicSpace, tuple[str, ...]]:
    if isinstance(contexts, str) or not contexts:
        raise InvalidOptionError(construct, "contexts", f"is {contexts!r}", 'Name each site or group, such as ["home"]')
    if len(contexts) > _MOST_CONTEXTS:
        raise InvalidOptionError(
            construct, "contexts", f"are {len(contexts)}", f"Use at most {_MOST_CONTEXTS}; make a second fleet"
        )
    for context in contexts:
        _checked(construct, "contexts", context)
        if context == EVERYONE or list(contexts).count(context) > 1:
            raise InvalidOptionError(
                construct, "contexts", f"contains {context!r}", f"Use each name once, and not {EVERYONE!r}"
            )
    _checked(construct, "app", app)
    return TopicSpace(app), tuple(contexts)


def _checked(construct: Construct, option: str, level: str) -> None:
    try:
        check_level(option, level)
    except InvalidTopicError as error:
        raise InvalidOptionError(
            construct, option, f"contains {level!r}", "Use 1 to 64 letters, digits, _ and - for a level of a topic"
        ) from error


def _metric(namespace: str, name: str, dimensions: dict[str, str], period: Duration | None) -> "cloudwatch.Metric":
    from aws_cdk import aws_cloudwatch as cloudwatch

    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic="sum",
        period=period or minutes(5),
    )
