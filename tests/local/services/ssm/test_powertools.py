"""The public layer of Powertools: its parameters, and the packages that functions find."""

import json
from collections.abc import Callable

import pytest

from cdp_constructs.local import LocalCloud
from tests.assembly.assemblies import AssemblyWriter, template
from tests.local.resources import role


def test_a_function_runs_with_the_packages_of_this_environment_and_the_public_layer(
    cloud: LocalCloud, writer: AssemblyWriter, name: Callable[[str], str]
) -> None:
    stack, region = name("function"), "eu-central-1"
    code = writer.folder / "asset.code"
    (code / "inner").mkdir(parents=True)
    (code / "inner" / "__init__.py").write_text("VALUE = 'from the asset'")
    (code / "index.py").write_text(
        "import aws_lambda_powertools, boto3, cryptography, pydantic\n"
        "from inner import VALUE\n"
        "def handler(event, context):\n"
        "    return {'value': VALUE, 'region': boto3.client('sts').meta.region_name}\n"
    )
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.14",
            "Architectures": ["arm64"],
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Layers": [{"Ref": "Powertools"}],
            "Code": {
                "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},
                "S3Key": f"{AssemblyWriter.asset_hash(code)}.zip",
            },
        },
    }
    layer = {
        "Type": "AWS::SSM::Parameter::Value<String>",
        "Default": "/aws/service/powertools/python/arm64/python3.14/latest",
    }
    writer.stack(
        stack,
        template({"Role": role(), "Function": function}, Parameters={"Powertools": layer}),
        environment=f"aws://unknown-account/{region}",
        files=[code],
    )
    deployment = cloud.deploy(writer.folder)
    answer = cloud.client("lambda", region).invoke(FunctionName=deployment.resources[stack]["Function"], Payload=b"{}")
    assert json.load(answer["Payload"]) == {"value": "from the asset", "region": region}


@pytest.mark.parametrize("python", ["python3.11", "python3.12", "python3.13", "python3.14"])
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
@pytest.mark.parametrize("version", ["latest", "3.20.0"])
def test_the_public_parameters_of_the_powertools_layer_are_there_in_every_region(
    cloud: LocalCloud, python: str, architecture: str, version: str
) -> None:
    path = f"/aws/service/powertools/python/{architecture}/{python}/{version}"
    for region in ("sa-east-1", "us-west-2"):
        value = cloud.client("ssm", region).get_parameter(Name=path)["Parameter"]["Value"]
        layer = f"AWSLambdaPowertoolsPythonV3-{python.replace('.', '')}-{architecture}"
        assert value.rpartition(":")[0] == f"arn:aws:lambda:{region}:017000801446:layer:{layer}"


def test_a_powertools_parameter_that_aws_does_not_have_is_not_there(cloud: LocalCloud) -> None:
    ssm = cloud.client("ssm")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/aws/service/powertools/python/arm64/python2.7/latest")
