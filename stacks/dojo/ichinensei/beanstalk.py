"""The servers of D7 on AWS Elastic Beanstalk, as the board has them: synthesised and checked, and not run here."""

from collections.abc import Mapping
from itertools import chain

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticbeanstalk as elasticbeanstalk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdp_constructs import ServiceNetwork
from cdp_constructs.core.acknowledgments import acknowledge_resources
from cdp_constructs.core.alarms import add_alarm
from cdp_constructs.core.paths import path_of
from cdp_constructs.core.periods import minutes
from stacks.dojo.config import DojoConfiguration
from stacks.dojo.parts import APPLICATION, add_certificate, add_zone, variables_of

__all__ = ["BeanstalkServers"]

_SERVERS = 2
_DEGRADED = 20
"""https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/health-enhanced-cloudwatch.html"""
_LOG_DAYS = 90
Options = Mapping[str, Mapping[str, str]]


class BeanstalkServers(Construct):
    """Two instances behind a load balancer, which run the application's container.

    An instance of another type is another value of ``dojo.beanstalk_instance_type``: Elastic Beanstalk starts the new
    instances first, and ends the old ones when these are healthy.

    Args:
        scope: The board's stack.
        construct_id: Id inside ``scope``.
        configuration: What the operator decides.
        board: The board's folder.
        network: Its network.
        settings: Of the application.
        secrets: Settings that are secrets, which instances read when they start.
        alarm_topic: Receives an alarm when the environment is degraded.
    """

    environment: elasticbeanstalk.CfnEnvironment
    """The environment; its load balancer and instances are in a stack of Elastic Beanstalk's own."""
    role: iam.Role
    """Of the instances, and so of the application."""
    security_group: ec2.SecurityGroup
    """Of the instances, beside the one that lets the load balancer in."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration: DojoConfiguration,
        board: str,
        network: ServiceNetwork,
        settings: Mapping[str, str],
        secrets: Mapping[str, secretsmanager.ISecret],
        alarm_topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self._name = stack.stack_name
        bundle = s3_assets.Asset(self, "Bundle", path=str(APPLICATION), exclude=["**/__pycache__"])
        application = elasticbeanstalk.CfnApplication(self, "Application", description=f"Servers of {path_of(self)}")
        version = elasticbeanstalk.CfnApplicationVersion(
            self,
            "Version",
            application_name=application.ref,
            source_bundle=elasticbeanstalk.CfnApplicationVersion.SourceBundleProperty(
                s3_bucket=bundle.s3_bucket_name, s3_key=bundle.s3_object_key
            ),
        )
        self.security_group = network.add_security_group("Instances", tier="service")
        self.role = self._add_role(bundle, application)
        for secret in secrets.values():
            secret.grant_read(self.role)
        profile = iam.InstanceProfile(self, "Profile", role=self.role)
        zone, name = add_zone(stack, configuration), configuration.domain_name(board)
        certificate = add_certificate(stack, name, zone)
        self.environment = elasticbeanstalk.CfnEnvironment(
            self,
            "Environment",
            application_name=application.ref,
            # Its permissions name it, and it names them.
            environment_name=self._name,
            platform_arn=stack.format_arn(
                service="elasticbeanstalk",
                account="",
                resource="platform",
                resource_name=f"Docker running on 64bit Amazon Linux 2023/{configuration.beanstalk_platform_version}",
            ),
            version_label=version.ref,
            option_settings=_option_settings(
                _network_options(network),
                _load_balancer_options(certificate.certificate_arn),
                self._instance_options(configuration, profile),
                _OPERATION,
                {
                    # boto3 asks nobody for the Region; tasks of Amazon ECS are told it.
                    "aws:elasticbeanstalk:application:environment": {
                        **variables_of(settings),
                        "AWS_DEFAULT_REGION": stack.region,
                    },
                    "aws:elasticbeanstalk:application:environmentsecrets": variables_of(
                        {setting: secret.secret_arn for setting, secret in secrets.items()}
                    ),
                },
            ),
        )
        self.environment.node.add_dependency(self.role)
        route53.CnameRecord(
            self,
            "Record",
            zone=zone,
            record_name=name,
            domain_name=self.environment.attr_endpoint_url,
            ttl=minutes(1),
        )
        add_alarm(
            self,
            "DegradedAlarm",
            cloudwatch.Metric(
                namespace="AWS/ElasticBeanstalk",
                metric_name="EnvironmentHealth",
                dimensions_map={"EnvironmentName": self._name},
                statistic="max",
                period=minutes(1),
            ),
            alarm_topic=alarm_topic,
            threshold=_DEGRADED,
            evaluation_periods=5,
            missing_data=cloudwatch.TreatMissingData.BREACHING,
            description=f"{path_of(self)}: the environment has been degraded, or silent, for five minutes. Read its "
            "events and the causes that enhanced health names.",
        )

    def _add_role(self, bundle: s3_assets.Asset, application: elasticbeanstalk.CfnApplication) -> iam.Role:
        """Add the role of the instances: what AWSElasticBeanstalkWebTier allows, for this environment only."""
        stack = Stack.of(self)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))

        def beanstalk(resource: str, resource_name: str) -> str:
            return stack.format_arn(service="elasticbeanstalk", resource=resource, resource_name=resource_name)

        logs = stack.format_arn(service="logs", resource=f"log-group:/aws/elasticbeanstalk/{self._name}/*")
        own_bucket = f"elasticbeanstalk-{stack.region}-{stack.account}"
        uploaded_logs = stack.format_arn(
            service="s3", region="", account="", resource=own_bucket, resource_name="resources/environments/logs/*"
        )
        environment = beanstalk("environment", f"{application.ref}/{self._name}")
        for actions, resources in (
            (["s3:GetObject"], [bundle.bucket.arn_for_objects(bundle.s3_object_key)]),
            (["elasticbeanstalk:PutInstanceStatistics"], [beanstalk("application", application.ref), environment]),
            (["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [logs]),
            (["s3:PutObject"], [uploaded_logs]),
        ):
            role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))
        reason = "Log groups and files of logs get their names from Elastic Beanstalk; the environment is the bound."
        acknowledge_resources(role, [logs, uploaded_logs], reason)
        return role

    def _instance_options(self, configuration: DojoConfiguration, profile: iam.InstanceProfile) -> Options:
        return {
            "aws:autoscaling:asg": {
                "MinSize": str(_SERVERS),
                "MaxSize": str(_SERVERS),
                "Availability Zones": "Any 2",
            },
            "aws:autoscaling:launchconfiguration": {
                "IamInstanceProfile": profile.instance_profile_arn,
                "SecurityGroups": self.security_group.security_group_id,
                "DisableIMDSv1": "true",
                "RootVolumeType": "gp3",
            },
            "aws:ec2:instances": {
                "InstanceTypes": configuration.beanstalk_instance_type,
                "SupportedArchitectures": "arm64",
            },
            "aws:autoscaling:updatepolicy:rollingupdate": {
                "RollingUpdateEnabled": "true",
                "RollingUpdateType": "Immutable",
            },
        }


def _network_options(network: ServiceNetwork) -> Options:
    def ids(group: str) -> str:
        return ",".join(network.vpc.select_subnets(subnet_group_name=group).subnet_ids)

    return {
        "aws:ec2:vpc": {
            "VPCId": network.vpc.vpc_id,
            "Subnets": ids("Service"),
            "ELBSubnets": ids("Public"),
            "ELBScheme": "public",
            "AssociatePublicIpAddress": "false",
        }
    }


def _load_balancer_options(certificate: str) -> Options:
    return {
        "aws:elasticbeanstalk:environment": {
            "EnvironmentType": "LoadBalanced",
            "LoadBalancerType": "application",
        },
        "aws:elbv2:listener:default": {"ListenerEnabled": "false"},
        "aws:elbv2:listener:443": {
            "ListenerEnabled": "true",
            "Protocol": "HTTPS",
            "SSLCertificateArns": certificate,
            "SSLPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "DefaultProcess": "default",
        },
        "aws:elasticbeanstalk:environment:process:default": {
            "HealthCheckPath": "/health",
            "MatcherHTTPCode": "200",
            # WebSockets do not end by themselves.
            "DeregistrationDelay": "5",
        },
    }


_OPERATION: Options = {
    "aws:elasticbeanstalk:command": {"DeploymentPolicy": "Immutable"},
    "aws:elasticbeanstalk:healthreporting:system": {"SystemType": "enhanced"},
    "aws:elasticbeanstalk:managedactions": {
        "ManagedActionsEnabled": "true",
        "PreferredStartTime": "Tue:11:00",
        # Elastic Beanstalk makes this role, which nothing else can take.
        "ServiceRoleForManagedUpdates": "AWSServiceRoleForElasticBeanstalkManagedUpdates",
    },
    "aws:elasticbeanstalk:managedactions:platformupdate": {"UpdateLevel": "minor"},
    "aws:elasticbeanstalk:hostmanager": {"LogPublicationControl": "true"},
    "aws:elasticbeanstalk:cloudwatch:logs": {
        "StreamLogs": "true",
        "DeleteOnTerminate": "false",
        "RetentionInDays": str(_LOG_DAYS),
    },
}
"""How the environment is operated, with the names of
https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/command-options-general.html."""


def _option_settings(*options: Options) -> list[elasticbeanstalk.CfnEnvironment.OptionSettingProperty]:
    return [
        elasticbeanstalk.CfnEnvironment.OptionSettingProperty(namespace=namespace, option_name=name, value=value)
        for namespace, values in chain.from_iterable(each.items() for each in options)
        for name, value in values.items()
    ]
