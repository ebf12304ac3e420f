"""Lambda: what a function can reach on the machine that runs it, in Python and in JavaScript."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdp_constructs.local import LocalCloud
from tests.archives import zipped
from tests.local.resources import FOR_FUNCTIONS
from tests.processes import is_running

REGION = "eu-central-1"
SECRET = "the-user's-own-secret"

PYTHON = """
import os, pathlib, signal, sys, tempfile

def attempt(action, *arguments):
    try:
        return str(action(*arguments))
    except OSError as error:
        return type(error).__name__

def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []:
        found[name] = attempt(os.readlink, f"/proc/self/fd/{name}")
    return found

def handler(event, context):
    if "read" in event:
        return attempt(lambda: pathlib.Path(event["read"]).read_bytes().decode(errors="replace"))
    if "list" in event:
        return attempt(os.listdir, event["list"])
    if "write" in event:
        return attempt(lambda: pathlib.Path(event["write"]).write_text("x"))
    if "end" in event:
        return attempt(os.kill, event["end"], signal.SIGTERM)
    with tempfile.NamedTemporaryFile() as temporary:
        pathlib.Path("~/kept").expanduser().write_text("x")
        return {
            "pid": os.getpid(), "parent": os.getppid(), "user": os.getuid(), "groups": os.getgroups(),
            "forked": bool(sys.flags.safe_path), "temporary": temporary.name, "variables": dict(os.environ),
            "shown": [sys.argv, sys.orig_argv, sys.path, sys.executable, os.getcwd(), descriptors(),
                      [getattr(module, "__file__", "") for module in sys.modules.values()],
                      attempt(pathlib.Path("/proc/self/cmdline").read_text),
                      attempt(pathlib.Path("/proc/self/environ").read_text),
                      attempt(pathlib.Path("/proc/self/maps").read_text)],
        }
"""
JAVASCRIPT = """
const fs = require("fs"), os = require("os"), path = require("path");
const attempt = (action) => { try { return String(action()); } catch (error) { return error.code; } };
exports.handler = async (event) => {
  if (event.read) return attempt(() => fs.readFileSync(event.read, "utf8"));
  if (event.list) return attempt(() => fs.readdirSync(event.list));
  if (event.write) return attempt(() => fs.writeFileSync(event.write, "x"));
  if (event.end) return attempt(() => process.kill(event.end, "SIGTERM"));
  const temporary = path.join(os.tmpdir(), "x");
  fs.writeFileSync(temporary, "x");
  fs.writeFileSync(path.join(os.homedir(), "kept"), "x");
  const descriptors = attempt(() => fs.readdirSync("/proc/self/fd").map(
    (name) => attempt(() => fs.readlinkSync(`/proc/self/fd/${name}`))));
  return {
    pid: process.pid, parent: process.ppid, user: process.getuid(), groups: process.getgroups(), temporary,
    variables: process.env,
    shown: [process.argv, process.execArgv, process.cwd(), __filename, module.paths, descriptors,
            attempt(() => fs.readFileSync("/proc/self/maps", "utf8"))],
  };
};
"""

KINDS = ("forked", "process", "javascript")

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: only root can give functions another user; see docs/local-cloud.md"
)


class Machine:
    """A cloud whose user has credentials in the home folder, and its functions."""

    def __init__(self, cloud: LocalCloud, credentials: Path) -> None:
        assert cloud.log_file is not None
        self.cloud = cloud
        self.credentials = credentials
        self.folder = cloud.log_file.parent
        self._lambda = cloud.client("lambda", REGION)
        role = cloud.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument=FOR_FUNCTIONS)["Role"][
            "Arn"
        ]
        # A package of its own keeps a function from being forked.
        for name in ("forked", "process", "other"):
            self._add(name, role, "python3.14", {"index.py": PYTHON, **({"boto3.py": ""} if name == "process" else {})})
        self._add("javascript", role, "nodejs22.x", {"index.js": JAVASCRIPT})

    def _add(self, name: str, role: str, runtime: str, files: dict[str, str]) -> None:
        code = zipped(files)
        # By CloudFormation, because then workers are forked.
        s3 = self.cloud.client("s3", REGION)
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=name, Key="code.zip", Body=code)
        function = {
            "FunctionName": name,
            "Runtime": runtime,
            "Handler": "index.handler",
            "Role": role,
            "Code": {"S3Bucket": name, "S3Key": "code.zip"},
            "Timeout": 20,
            "Environment": {"Variables": {"OWN": name}},
        }
        template = {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": function}}}
        cloudformation = self.cloud.client("cloudformation", REGION)
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})

    def call(self, name: str, **event: Any) -> Any:
        answer = self._lambda.invoke(FunctionName=name, Payload=json.dumps(event))
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def call_another(self, name: str) -> Any:
        """Call it after its process was ended; the answer is None when the call came to that one."""
        answer = self._lambda.invoke(FunctionName=name, Payload=b"{}")
        result = json.loads(answer["Payload"].read())
        return None if "FunctionError" in answer else result


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, eventually: Callable[..., Any]) -> Iterator[Machine]:
    home = tmp_path_factory.mktemp("home")
    credentials = home / ".aws" / "credentials"
    credentials.parent.mkdir()
    credentials.write_text(SECRET)
    credentials.chmod(0o600)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(home))
        patched.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
        with LocalCloud.start() as cloud:
            found = Machine(cloud, credentials)

            def is_forked() -> bool:
                cloud.crash_function("forked", REGION)
                seen = found.call_another("forked")
                return bool(seen and seen["forked"])

            if hasattr(os, "pidfd_open"):
                eventually(is_forked, within=20)
            yield found


@pytest.mark.parametrize("kind", KINDS)
def test_neither_paths_nor_variables_nor_descriptors_show_the_folder_of_the_server(machine: Machine, kind: str) -> None:
    seen = machine.call(kind)
    assert seen["variables"]["OWN"] == kind
    text = json.dumps(seen)
    assert str(machine.folder) not in text
    assert machine.folder.name not in text
    assert str(machine.credentials.parents[1]) not in text
    # Streams, code and libraries only.
    assert not [line for line in text.split('"') if line.startswith("socket:")]
    assert {"STATE_DIR", "S3_DATA_DIR", "IOT_MTLS_PORT", "DOCKER_HOST"}.isdisjoint(seen["variables"])


@pytest.mark.parametrize("kind", KINDS)
def test_home_and_temporary_files_are_its_own(machine: Machine, kind: str) -> None:
    seen, other = machine.call(kind), machine.call("other")
    home = seen["variables"]["HOME"]
    assert home not in (other["variables"]["HOME"], str(machine.credentials.parents[1]))
    assert Path(seen["temporary"]).is_relative_to(home)
    assert (Path(home) / "kept").exists()
    assert machine.call(kind, read=str(Path(home) / "kept")) == "x"


def test_the_server_leaves_no_credentials_but_those_of_the_role(machine: Machine) -> None:
    variables = machine.call("forked")["variables"]
    other = machine.call("other")["variables"]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    assert all(variables[name] and variables[name] != other[name] for name in names)
    assert variables["AWS_ACCESS_KEY_ID"].startswith("ASIA")


@needs_root
@pytest.mark.parametrize("kind", KINDS)
def test_the_user_of_a_function_can_read_nothing_of_the_server_or_its_user(machine: Machine, kind: str) -> None:
    parent = machine.call(kind)["parent"]
    state = machine.folder / "state"
    assert list(state.iterdir())
    for path in (machine.folder, state, (machine.folder / "tmp").resolve(), machine.credentials.parent):
        assert machine.call(kind, list=str(path)) in ("PermissionError", "EACCES")
    files = [file for file in state.rglob("*") if file.is_file()]
    for path in (*files, machine.credentials, machine.cloud.log_file, f"/proc/{parent}/environ"):
        assert machine.call(kind, read=str(path)) in ("PermissionError", "EACCES")
    for path in (machine.folder / "x", machine.credentials, Path(machine.call(kind)["variables"]["LAMBDA_TASK_ROOT"])):
        assert machine.call(kind, write=str(path / "x")) in ("PermissionError", "EACCES")


@needs_root
@pytest.mark.parametrize("kind", KINDS)
def test_functions_do_not_reach_each_other(machine: Machine, kind: str) -> None:
    seen, other = machine.call(kind), machine.call("other")
    assert seen["user"] != other["user"]
    assert set(seen["groups"]) <= {seen["user"]}
    home, code = other["variables"]["HOME"], other["variables"]["LAMBDA_TASK_ROOT"]
    folder = str(Path(code).parents[1])
    for path in (home, code, folder):
        assert machine.call(kind, list=path) in ("PermissionError", "EACCES")
    for path in (f"{home}/kept", f"{code}/index.py", f"{code}/../_start.json", f"/proc/{other['pid']}/environ"):
        assert machine.call(kind, read=path) in ("PermissionError", "EACCES")
    assert machine.call(kind, end=other["pid"]) in ("PermissionError", "EPERM")
    assert machine.call("other")["pid"] == other["pid"]


@needs_root
def test_functions_of_two_clouds_have_different_users(machine: Machine) -> None:
    code = zipped({"index.py": PYTHON})
    with LocalCloud.start() as cloud:
        role = cloud.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument=FOR_FUNCTIONS)["Role"][
            "Arn"
        ]
        functions = cloud.client("lambda", REGION)
        functions.create_function(
            FunctionName="first",
            Runtime="python3.14",
            Handler="index.handler",
            Role=role,
            Code={"ZipFile": code},
        )
        seen = json.loads(functions.invoke(FunctionName="first", Payload=b"{}")["Payload"].read())
        assert seen["user"] not in {machine.call(kind)["user"] for kind in (*KINDS, "other")}
        assert machine.call("forked", end=seen["pid"]) == "PermissionError"


@needs_root
@pytest.mark.parametrize("kind", KINDS)
def test_a_function_cannot_end_the_server(machine: Machine, kind: str) -> None:
    parent = machine.call(kind)["parent"]
    assert machine.call(kind, end=parent) in ("PermissionError", "EPERM")
    assert is_running(parent)


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_ends_the_process_whoever_runs_it(machine: Machine, eventually: Callable[..., Any], kind: str) -> None:
    pid = machine.call(kind)["pid"]
    assert machine.cloud.crash_function(kind, REGION) >= 1
    assert eventually(lambda: machine.call_another(kind))["pid"] != pid
    assert eventually(lambda: not is_running(pid))


def test_the_credentials_of_a_role_cannot_be_computed_from_names(machine: Machine) -> None:
    # MiniStack's own are digests of the ARNs of function and role.
    variables = machine.call("forked")["variables"]
    arns = f"arn:aws:lambda:{REGION}:000000000000:function:forked:arn:aws:iam::000000000000:role/function"
    digest = hashlib.sha256(arns.encode()).hexdigest()
    assert variables["AWS_ACCESS_KEY_ID"] != f"ASIA{digest[:16].upper()}"
    assert variables["AWS_SECRET_ACCESS_KEY"] != hashlib.sha256(f"secret:{digest}".encode()).hexdigest()


def test_the_script_of_a_glue_job_runs_like_a_function(machine: Machine, eventually: Callable[..., Any]) -> None:
    script = "import json, os, sys; sys.exit(json.dumps([os.getuid(), os.getcwd(), dict(os.environ)]))"
    s3, glue = machine.cloud.client("s3", REGION), machine.cloud.client("glue", REGION)
    s3.create_bucket(Bucket="scripts", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="scripts", Key="job.py", Body=script.encode())
    role = "arn:aws:iam::000000000000:role/function"
    glue.create_job(Name="job", Role=role, Command={"Name": "pythonshell", "ScriptLocation": "s3://scripts/job.py"})
    run = glue.start_job_run(JobName="job")["JobRunId"]

    def ended() -> str:
        found = glue.get_job_run(JobName="job", RunId=run)["JobRun"]
        return str(found.get("ErrorMessage", ""))

    text = eventually(ended)
    user, folder, variables = json.loads(text)
    assert str(machine.folder) not in text
    assert str(machine.credentials.parents[1]) not in text
    assert variables["HOME"] == folder
    assert (user == os.geteuid()) == (os.geteuid() != 0)


CLOUDFRONT = """
function handler(event) {
  // The sandbox of Node is no security boundary.
  var process = this.constructor.constructor("return process")();
  var seen = {variables: process.env, folder: process.cwd(), user: process.getuid()};
  return {statusCode: 200, statusDescription: "OK", body: JSON.stringify(seen)};
}
"""


def test_a_cloudfront_function_runs_like_a_function(machine: Machine) -> None:
    origin = {"OriginProtocolPolicy": "https-only"}
    distribution = {
        "Enabled": True,
        "Origins": [{"Id": "none", "DomainName": "example.com", "CustomOriginConfig": origin}],
        "DefaultCacheBehavior": {
            "TargetOriginId": "none",
            "ViewerProtocolPolicy": "allow-all",
            "FunctionAssociations": [
                {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["Function", "FunctionARN"]}}
            ],
        },
    }
    function = {
        "Name": "curious",
        "AutoPublish": True,
        "FunctionConfig": {"Comment": "", "Runtime": "cloudfront-js-2.0"},
        "FunctionCode": CLOUDFRONT,
    }
    template = {
        "Resources": {
            "Function": {"Type": "AWS::CloudFront::Function", "Properties": function},
            "Distribution": {
                "Type": "AWS::CloudFront::Distribution",
                "Properties": {"DistributionConfig": distribution},
            },
        },
        "Outputs": {"Domain": {"Value": {"Fn::GetAtt": ["Distribution", "DomainName"]}}},
    }
    cloudformation = machine.cloud.client("cloudformation")
    cloudformation.create_stack(StackName="site", TemplateBody=json.dumps(template))
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="site", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    (output,) = cloudformation.describe_stacks(StackName="site")["Stacks"][0]["Outputs"]
    text = httpx.get(machine.cloud.distribution_url(output["OutputValue"])).text
    seen = json.loads(text)
    assert str(machine.folder) not in text
    assert str(machine.credentials.parents[1]) not in text
    assert seen["variables"]["HOME"] == seen["folder"]
    assert (seen["user"] == os.geteuid()) == (os.geteuid() != 0)
