"""ServiceFront: a load balancer that speaks HTTPS only, for one service or several."""

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as certificatemanager
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs.core.acknowledgments import acknowledge
from cdp_constructs.core.alarms import add_alarm, alarms_of
from cdp_constructs.core.buckets import access_log_bucket
from cdp_constructs.core.hosted_zones import check_name_in_zone
from cdp_constructs.core.options import checks_options
from cdp_constructs.core.paths import account_of, path_of, stack_of
from cdp_constructs.core.periods import minutes, seconds
from cdp_constructs.core.security_groups import described
from cdp_constructs.core.validation import InvalidOptionError, check_duration

_ATTRIBUTES = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html"
_FAILURES_THAT_ALARM = 10


@checks_options
class ServiceFront(Construct):
    """An Application Load Balancer for services: HTTPS with a certificate, HTTP only redirects, access is logged.

    Services add their routes to it; a request that no service wants is answered 404. It has a name of your own, since
    a certificate is for a name::

        front = ServiceFront(self, "Front", vpc=network.vpc, domain_name="shop.example.com", zone=zone)
        ScaleOutService(self, "Shop", front=front, container=ServiceContainer(image))
    """

    load_balancer: elbv2.ApplicationLoadBalancer
    """The load balancer."""
    listener: elbv2.ApplicationListener
    """Its listener of port 443."""
    vpc: ec2.IVpc
    """The network."""
    domain_name: str
    """The name that clients use."""
    internet_facing: bool
    """Whether it is reached from the internet."""
    certificate: certificatemanager.ICertificate
    """The certificate of the name."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        domain_name: str,
        zone: route53.IHostedZone | None = None,
        certificate: certificatemanager.ICertificate | None = None,
        internet_facing: bool = True,
        vpc_subnets: ec2.SubnetSelection | None = None,
        idle_timeout: Duration | None = None,
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        """Make the load balancer.

        Args:
            scope: The stack or construct that it becomes part of.
            construct_id: Id inside ``scope``.
            vpc: The network, with subnets in two zones or more.
            domain_name: The name that clients use, such as ``shop.example.com``.
            zone: A hosted zone that the name is in; the record is added, and the certificate's where there is none.
                Default: you add the record.
            certificate: An existing certificate of the name in the stack's Region. Default: a new one, validated by
                ``zone``. One of the two is required.
            internet_facing: Whether it has public addresses and lets everybody in. False: only what
                ``front.load_balancer.connections.allow_from`` names. Default: True.
            vpc_subnets: Where it is. Default: the public subnets; for an internal one the private or isolated ones.
            idle_timeout: How long a connection without traffic stays open, 1 second to 4,000 seconds. WebSocket clients
                must send something more often. Default: 60 seconds.
            alarm_topic: Receives the alarm. Default: no alarm.

        Raises:
            InvalidOptionError: without a certificate and a zone, and for a timeout out of range.
        """
        super().__init__(scope, construct_id)
        if certificate is None and zone is None:
            fix = "Give certificate, or a hosted zone as zone that validates a new one"
            raise InvalidOptionError(self, "certificate", "is missing", fix)
        if zone is not None:
            check_name_in_zone(self, "domain_name", domain_name, zone)
        if idle_timeout is not None:
            check_duration(self, "idle_timeout", idle_timeout, low=seconds(1), high=seconds(4000), source=_ATTRIBUTES)
        self.vpc, self.domain_name, self.internet_facing = vpc, domain_name, internet_facing
        self.certificate = certificate or certificatemanager.Certificate(
            self,
            "Certificate",
            domain_name=domain_name,
            validation=certificatemanager.CertificateValidation.from_dns(zone),
        )
        group = self._add_security_group()
        inside = vpc.private_subnets or vpc.isolated_subnets
        self.load_balancer = elbv2.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=vpc,
            internet_facing=internet_facing,
            vpc_subnets=vpc_subnets or ec2.SubnetSelection(subnets=vpc.public_subnets if internet_facing else inside),
            security_group=group,
            idle_timeout=idle_timeout,
            # Servers would read some of what is invalid, and each in its own way.
            drop_invalid_header_fields=True,
        )
        self._log_access()
        self.listener = self.load_balancer.add_listener(
            "Https",
            port=443,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            certificates=[self.certificate],
            ssl_policy=elbv2.SslPolicy.RECOMMENDED_TLS,
            open=False,
            default_action=elbv2.ListenerAction.fixed_response(
                404, content_type="text/plain", message_body="Not found"
            ),
        )
        self.load_balancer.add_listener(
            "Http",
            port=80,
            protocol=elbv2.ApplicationProtocol.HTTP,
            open=False,
            default_action=elbv2.ListenerAction.redirect(protocol="HTTPS", port="443", permanent=True),
        )
        if zone is not None:
            self._add_record(zone)
        add_alarm(
            self,
            "LoadBalancerErrorsAlarm",
            self.metric_errors(),
            alarm_topic=alarm_topic,
            threshold=_FAILURES_THAT_ALARM,
            description=f"{path_of(self)}: the load balancer itself answered {_FAILURES_THAT_ALARM} requests with 502, "
            "503 or 504 within 5 minutes. Look whether tasks are healthy, end early, or take too long.",
        )

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms of this load balancer; none without ``alarm_topic``."""
        return alarms_of(self)

    def metric_errors(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Answers 5xx of the load balancer itself, not of services. Sum over 5 minutes by default."""
        return self.load_balancer.metrics.http_code_elb(
            elbv2.HttpCodeElb.ELB_5XX_COUNT, period=period or minutes(5), statistic="sum"
        )

    def _add_security_group(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self.vpc,
            description=described(f"Load balancer of {path_of(self)}"),
            allow_all_outbound=False,
        )
        if self.internet_facing:
            group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS from everybody")
            group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(80), "HTTP, which is redirected")
            reason = "A load balancer for the internet: ports 80 and 443 only, and port 80 only redirects."
            acknowledge(group, "AwsSolutions-EC23", reason)
        return group

    def _add_record(self, zone: route53.IHostedZone) -> None:
        from aws_cdk import aws_route53_targets as targets

        target = targets.LoadBalancerTarget(self.load_balancer)
        route53.ARecord(
            self,
            "Record",
            zone=zone,
            record_name=f"{self.domain_name}.",
            target=route53.RecordTarget.from_alias(target),
        )

    def _log_access(self) -> None:
        """Write access logs to the stack's log bucket; the CDK's own method needs to know the Region."""
        bucket = access_log_bucket(self)
        stack = stack_of(self)
        prefix = f"alb/{self.node.addr[-8:]}"
        balancers = stack.format_arn(service="elasticloadbalancing", resource="loadbalancer", resource_name="*")
        added = bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{prefix}/AWSLogs/{account_of(stack)}/*")],
                conditions={"ArnLike": {"aws:SourceArn": balancers}},
            )
        )
        for name, value in (("enabled", "true"), ("bucket", bucket.bucket_name), ("prefix", prefix)):
            self.load_balancer.set_attribute(f"access_logs.s3.{name}", value)
        if added.policy_dependable is not None:
            self.load_balancer.node.add_dependency(added.policy_dependable)
