"""What a stack is made of, by purpose."""

from collections import Counter
from collections.abc import Mapping

from cdp_constructs.review.templates import Template
from cdp_constructs.review.values import counted

__all__ = ["PURPOSES", "WORDS", "composition"]

_PURPOSES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "runs",
        (
            ("AWS::Lambda::Function", "function"),
            ("AWS::ECS::Service", "container service"),
            ("AWS::ECS::TaskDefinition", "task definition"),
            ("AWS::EC2::Instance", "instance"),
            ("AWS::AutoScaling::AutoScalingGroup", "group of instances"),
            ("AWS::StepFunctions::StateMachine", "state machine"),
            ("AWS::CloudFront::Function", "function of a CDN"),
            ("AWS::Batch::JobQueue", "job queue"),
            ("AWS::ECS::Cluster", "cluster of containers"),
            ("Custom::CDKBucketDeployment", "deployment of files"),
            ("AWS::Athena::WorkGroup", "workgroup for queries"),
        ),
    ),
    (
        "answers",
        (
            ("AWS::ApiGatewayV2::Api", "API"),
            ("AWS::ApiGatewayV2::Route", "route"),
            ("AWS::ApiGateway::RestApi", "REST API"),
            ("AWS::ApiGateway::Method", "method"),
            ("AWS::AppSync::Api", "events API"),
            ("AWS::AppSync::ChannelNamespace", "channel namespace"),
            ("AWS::AppSync::GraphQLApi", "GraphQL API"),
            ("AWS::CloudFront::Distribution", "distribution"),
            ("AWS::ElasticLoadBalancingV2::LoadBalancer", "load balancer"),
            ("AWS::Lambda::Url", "function URL"),
            ("AWS::IoT::DomainConfiguration", "device endpoint"),
            ("AWS::Cognito::UserPool", "user pool"),
            ("AWS::Cognito::UserPoolClient", "client of the user pool"),
            ("AWS::Cognito::UserPoolIdentityProvider", "identity provider"),
            ("AWS::Cognito::IdentityPool", "identity pool"),
            ("AWS::IoT::ProvisioningTemplate", "provisioning template"),
            ("AWS::WAFv2::WebACL", "web ACL"),
        ),
    ),
    (
        "passes on",
        (
            ("AWS::SNS::Topic", "topic"),
            ("AWS::SQS::Queue", "queue"),
            ("AWS::Events::Rule", "rule"),
            ("AWS::Events::EventBus", "event bus"),
            ("AWS::Scheduler::Schedule", "schedule"),
            ("AWS::Lambda::EventSourceMapping", "event source mapping"),
            ("AWS::Kinesis::Stream", "stream"),
            ("AWS::KinesisFirehose::DeliveryStream", "delivery stream"),
            ("AWS::Logs::SubscriptionFilter", "subscription filter"),
            ("AWS::IoT::TopicRule", "topic rule"),
            ("AWS::Pipes::Pipe", "pipe"),
            ("AWS::SES::ConfigurationSet", "mail configuration"),
        ),
    ),
    (
        "keeps",
        (
            ("AWS::DynamoDB::Table", "table"),
            ("AWS::DynamoDB::GlobalTable", "table"),
            ("AWS::S3::Bucket", "bucket"),
            ("AWS::RDS::DBCluster", "database cluster"),
            ("AWS::RDS::DBInstance", "database instance"),
            ("AWS::RDS::GlobalCluster", "global database"),
            ("AWS::ElastiCache::ReplicationGroup", "cache"),
            ("AWS::ElastiCache::ServerlessCache", "cache"),
            ("AWS::EFS::FileSystem", "file system"),
            ("AWS::RedshiftServerless::Workgroup", "warehouse"),
            ("AWS::OpenSearchService::Domain", "search domain"),
            ("AWS::Glue::Table", "catalog table"),
            ("AWS::Athena::NamedQuery", "saved query"),
            ("AWS::RedshiftServerless::Namespace", "warehouse namespace"),
            ("AWS::IoT::ThingType", "thing type"),
            ("AWS::IoT::ThingGroup", "thing group"),
            ("AWS::SecretsManager::Secret", "secret"),
            ("AWS::KMS::Key", "key"),
            ("AWS::Logs::LogGroup", "log group"),
            ("AWS::SSM::Parameter", "parameter"),
        ),
    ),
    (
        "connects",
        (
            ("AWS::EC2::VPC", "VPC"),
            ("AWS::EC2::Subnet", "subnet"),
            ("AWS::EC2::NatGateway", "NAT gateway"),
            ("AWS::EC2::VPCEndpoint", "endpoint"),
            ("AWS::EC2::SecurityGroup", "security group"),
            ("AWS::Route53::HostedZone", "hosted zone"),
            ("AWS::Route53::RecordSet", "DNS record"),
            ("AWS::Route53::HealthCheck", "health check"),
            ("AWS::CertificateManager::Certificate", "certificate"),
            ("AWS::EC2::EIP", "IP address"),
            ("AWS::ApiGatewayV2::DomainName", "name of an API"),
        ),
    ),
    (
        "watches",
        (
            ("AWS::CloudWatch::Alarm", "alarm"),
            ("AWS::CloudWatch::CompositeAlarm", "composite alarm"),
            ("AWS::CloudWatch::Dashboard", "dashboard"),
            ("AWS::CloudWatch::InsightRule", "insight rule"),
            ("AWS::Logs::MetricFilter", "metric filter"),
            ("AWS::Logs::QueryDefinition", "query"),
            ("AWS::Synthetics::Canary", "canary"),
            ("AWS::EC2::FlowLog", "flow log"),
            ("AWS::IoT::SecurityProfile", "security profile"),
        ),
    ),
    ("acts as", (("AWS::IAM::Role", "role"), ("AWS::IAM::User", "user"), ("AWS::IoT::Policy", "device policy"))),
)
WORDS: Mapping[str, str] = {kind: word for _, types in _PURPOSES for kind, word in types}
"""What a card calls a resource, by its type."""
PURPOSES: Mapping[str, str] = {kind: purpose for purpose, types in _PURPOSES for kind, _ in types}
"""What a resource is there for, by its type."""
_FOLLOWS = {
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Deployment",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::RouteResponse",
    "AWS::ApiGatewayV2::Stage",
    "AWS::AppSync::DataSource",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CDK::Metadata",
    "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::KeyGroup",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudFront::OriginRequestPolicy",
    "AWS::CloudFront::PublicKey",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::Cognito::IdentityPoolRoleAttachment",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolResourceServer",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EFS::AccessPoint",
    "AWS::EFS::MountTarget",
    "AWS::ElastiCache::ParameterGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Glue::Database",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IoT::PolicyPrincipalAttachment",
    "AWS::KMS::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogStream",
    "AWS::Logs::ResourcePolicy",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::EventSubscription",
    "AWS::S3::BucketPolicy",
    "AWS::SES::ConfigurationSetEventDestination",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::SecretsManager::SecretTargetAttachment",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACLAssociation",
}
"""What follows from others, or has sentences of its own in the card."""


def composition(template: Template) -> list[str]:
    """Return one line for each purpose, and one for what has none here."""
    counts = Counter(resource.type for resource in template.resources.values())
    lines = [f"{purpose:<10}{text}" for purpose, types in _PURPOSES if (text := _counted(counts, types))]
    known = _FOLLOWS.union(*({kind for kind, _ in types} for _, types in _PURPOSES))
    others = tuple((kind, kind.removeprefix("AWS::").replace("::", " ")) for kind in sorted(set(counts) - known))
    return [*lines, f"{'also':<10}{_counted(counts, others, plural=False)}"] if others else lines


def _counted(counts: Counter[str], types: tuple[tuple[str, str], ...], *, plural: bool = True) -> str:
    by_word: dict[str, int] = {}
    for kind, word in types:
        if counts[kind]:
            by_word[word] = by_word.get(word, 0) + counts[kind]
    return ", ".join(counted(count, word) if plural else f"{count} {word}" for word, count in by_word.items())
