"""The Zabbix of a company, which a VPN joins to the network, sees the alarms of a shop and may read its metrics."""

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from cdp_constructs import MonitoringIntegration, SnsSqsFanout


def build(stack: Stack) -> MonitoringIntegration:
    """Add orders, whose alarms Zabbix gets, to a stack; mails tell when Zabbix itself does not answer."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    network = ec2.Vpc.from_vpc_attributes(
        stack,
        "Network",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=["subnet-0123456789abcdef1", "subnet-0123456789abcdef2"],
    )
    monitoring = MonitoringIntegration(
        stack,
        "Zabbix",
        vpc=network,
        address="zabbix.corp.example.com",
        host="shop",
        reader=iam.ArnPrincipal("arn:aws:iam::111122223333:role/zabbix"),
        alarm_topic=operators,
    )
    SnsSqsFanout(stack, "Orders", alarm_topic=monitoring.topic).add_subscriber("Billing")
    return monitoring
