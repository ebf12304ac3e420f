"""Runs jobs of a workflow of GitHub Actions: its commands on this machine, its actions played, its rules kept.

A job has a token of OpenID Connect only where its permissions say so, and with it the role that AWS gives for it.
"""

import base64
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cdp_constructs.local import LocalCloud
from tests.behaviour.pipeline.builds import Tools

__all__ = ["JobFailedError", "Runner", "token"]

_ISSUER = "https://token.actions.githubusercontent.com"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


class JobFailedError(Exception):
    """A step of a job failed."""


def token(subject: str, audience: str = "sts.amazonaws.com") -> str:
    """Return a token as GitHub makes them for a job, but for its signature, which the embedded cloud does not read."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"iss": _ISSUER, "aud": audience, "sub": subject})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


class Runner:
    """Where workflows run: a checkout for each job, and the artifacts of each run."""

    def __init__(self, cloud: LocalCloud, tools: Tools, folder: Path, *, repository: str) -> None:
        self._cloud, self._tools, self._folder, self._repository = cloud, tools, folder, repository
        self.variables: dict[str, dict[str, str]] = {}
        self.ran: list[str] = []
        self.environment: dict[str, str] = {}

    def run(
        self,
        source: Path,
        run: str,
        *,
        approve: Callable[[str], bool] = lambda _environment: True,
        review_fail_on: str = "",
    ) -> dict[str, str]:
        """Run the workflow `deploy.yml` of a source, and return what became of its jobs.

        Args:
            source: The repository.
            run: Number of the run.
            approve: What reviewers say to a deployment to an environment.
            review_fail_on: The input of a run that somebody starts by hand.
        """
        workflow = yaml.safe_load((source / ".github/workflows/deploy.yml").read_text())
        results: dict[str, str] = {}
        outputs: dict[str, str] = {}
        for name, job in workflow["jobs"].items():
            needs = job.get("needs", [])
            if any(results[one] != "success" for one in ([needs] if isinstance(needs, str) else needs)):
                results[name] = "skipped"
                continue
            context = {f"needs.build.outputs.{key}": value for key, value in outputs.items()}
            try:
                if "uses" in job:
                    inputs = {key: _filled(value, context) for key, value in job["with"].items()}
                    called = yaml.safe_load((source / job["uses"]).read_text())
                    (inner,) = called["jobs"].values()
                    if not approve(inputs["environment"]):
                        results[name] = "rejected"
                        continue
                    self._job(inner, source, run, {f"inputs.{key}": value for key, value in inputs.items()})
                else:
                    steps = self._job(job, source, run, {"inputs.review_fail_on": review_fail_on})
                    outputs = {key: _filled(value, steps) for key, value in job["outputs"].items()}
                results[name] = "success"
            except JobFailedError as error:
                results[name] = f"failure: {error}"
        return results

    def _job(self, job: dict[str, Any], source: Path, run: str, context: dict[str, str]) -> dict[str, str]:
        context = context | {"github.token": "token"}
        checkout = self._folder / f"checkout-{len(list(self._folder.glob('checkout-*')))}"
        shutil.copytree(source, checkout)
        environment: dict[str, str] = {**self.environment, "GITHUB_OUTPUT": str(self._folder / "output")}
        target = _filled(job.get("environment", ""), context)
        failed = ""
        for step in job["steps"]:
            if not _wanted(step.get("if"), context, failed=bool(failed)):
                continue
            if "uses" in step:
                given = {key: str(value) for key, value in step.get("with", {}).items()}
                action = step["uses"].partition("@")[0]
                self._act(action, given, job, checkout, run, target, context, environment)
                continue
            (self._folder / "output").write_text("")
            named = {key: _filled(value, context) for key, value in step.get("env", {}).items()}
            done = self._tools.run([step["run"]], checkout, environment | named)
            self.ran.append(step["run"])
            for line in (self._folder / "output").read_text().splitlines():
                key, _, value = line.partition("=")
                context[f"steps.{step['id']}.outputs.{key}"] = value
            if done.returncode and not failed:
                failed = f"{step.get('name', step['run'])}: {(done.stdout + done.stderr)[-1500:]}"
        if failed:
            raise JobFailedError(failed)
        return context

    def _act(
        self,
        action: str,
        given: Mapping[str, str],
        job: dict[str, Any],
        checkout: Path,
        run: str,
        target: str,
        context: Mapping[str, str],
        environment: dict[str, str],
    ) -> None:
        artifacts = self._folder / "artifacts" / run
        if action == "actions/upload-artifact":
            shutil.copytree(checkout / given["path"], artifacts / given["name"], dirs_exist_ok=True)
        elif action == "actions/download-artifact":
            shutil.copytree(artifacts / given["name"], checkout / given["path"])
        elif action == "aws-actions/configure-aws-credentials":
            assert job["permissions"]["id-token"] == "write"
            variables = {f"vars.{key}": value for key, value in self.variables[target].items()}
            known = {**context, **variables}
            region = _filled(given["aws-region"], known)
            session = self._cloud.client("sts", region).assume_role_with_web_identity(
                RoleArn=_filled(given["role-to-assume"], known),
                RoleSessionName="GitHubActions",
                WebIdentityToken=token(f"repo:{self._repository}:environment:{target}"),
            )["Credentials"]
            environment |= {
                "AWS_ENDPOINT_URL": self._cloud.endpoint,
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
                "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
                "AWS_SESSION_TOKEN": session["SessionToken"],
            }
        else:
            assert action in {"actions/checkout", "actions/setup-node", "actions/setup-python"}, action


def _filled(text: str, context: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, _, default = found[1].partition(" || ")
        # What no step has set is nothing, as on GitHub; other names are a mistake.
        known = context.get(name) if not name.startswith("steps.") else context.get(name, "")
        assert known is not None, f"{name} is unknown here"
        return known or default.strip("'")

    return _EXPRESSION.sub(value, text)


def _wanted(condition: str | None, context: Mapping[str, str], *, failed: bool) -> bool:
    """Evaluate the conditions that the workflows have: names that are not empty, and `failure()`."""
    terms = (condition or "").split(" && ")
    asks_for_failure = "failure()" in terms
    named = [term.removesuffix(" != ''") for term in terms if term.endswith(" != ''")]
    assert len(named) + asks_for_failure == len([term for term in terms if term]), condition
    return asks_for_failure == failed and all(context.get(name) for name in named)
