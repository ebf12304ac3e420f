"""Board D9, the author's: the page that is the whole program, and its name."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from cdp_constructs import DirectHosting
from stacks.dojo.config import ConfigurationError, DojoConfiguration
from stacks.dojo.parts import add_alarm_topic, add_certificate, add_zone

__all__ = ["DIST", "BrowserOnlyWebStack"]

DIST = Path(__file__).parent / "web" / "dist"


class BrowserOnlyWebStack(Stack):
    """Files in a bucket behind CloudFront, whose certificate and metrics are in us-east-1.

    Args:
        scope: The app or stage.
        construct_id: The stack's name.
        env: us-east-1.
        configuration: What the operator decides.
        home: The Region whose services the page calls.
        names: What of them it must know, by the names of the outputs.

    Raises:
        ConfigurationError: the page is not built.
    """

    hosting: DirectHosting
    """Bucket, distribution and files."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        env: Environment,
        configuration: DojoConfiguration,
        home: str,
        names: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id, env=env, description="Browser only: the page")
        if not (DIST / "index.html").is_file():
            message = f"the page of browser_only is not built ({DIST} has no index.html). Run: make web"
            raise ConfigurationError(message)
        alarm_topic = add_alarm_topic(self, configuration)
        name = configuration.domain_name("browser_only")
        zone = add_zone(self, configuration)
        services = [f"{service}.{home}" for service in ("cognito-idp", "cognito-identity", "dynamodb", "sns")]
        hosts = [*services, f"{names['BucketName']}.s3.{home}"]
        self.hosting = DirectHosting(
            self,
            "Web",
            domain_names=[name],
            certificate=add_certificate(self, name, zone),
            zone=zone,
            content_security_policy={"connect-src": [f"https://{host}.{self.url_suffix}" for host in hosts]},
            single_page=False,
            alarm_topic=alarm_topic,
        )
        self.hosting.add_site(DIST)
        self.hosting.add_configuration({"region": home, **{_camel(name): value for name, value in names.items()}})
        CfnOutput(self, "WebUrl", value=self.hosting.url)


def _camel(name: str) -> str:
    return f"{name[0].lower()}{name[1:]}"
