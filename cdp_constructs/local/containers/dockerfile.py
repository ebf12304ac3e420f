"""Reads a Dockerfile, as far as images can be made here: one stage on Python or Node.js, files, packages and a command.

```python
for step in read(Path("asset.abc/Dockerfile"), {"VERSION": "3.13"}):
    print(step.line, step.instruction, step.value)
```
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["DockerfileError", "Recipe", "Step", "read"]

_VARIABLE = re.compile(r"\\\$|\$(?:(\w+)|\{(\w+)(?:(:[-+])([^}]*))?\})")
_BASE = re.compile(
    r"(?:docker\.io/|public\.ecr\.aws/docker/)?(?:library/)?(python|node)(?::([\w.-]+))?(?:@sha256:\w+)?"
)
_OF_FUNCTIONS = re.compile(r"public\.ecr\.aws/lambda/(python|node)(?:js)?(?::([\w.-]+))?(?:@sha256:\w+)?")
"""Base images of functions: their own entrypoint takes the name of a handler and nothing else."""
_ARCHIVE = re.compile(r"https?://|git@|.*\.(?:tar|tgz|tar\.\w+|git)$")
_AUTHORITIES = re.compile(r"https://truststore\.pki\.rds\.amazonaws\.com/[\w./-]+\.pem")
"""The certificate authorities of Amazon RDS; here a database has a certificate of the embedded cloud's."""
_JOINED = re.compile(r"\s*(?:&&|;)\s*")
_INSTALLERS = {
    ("pip", "install"): "pip",
    ("pip3", "install"): "pip",
    ("python", "-m", "pip", "install"): "pip",
    ("python3", "-m", "pip", "install"): "pip",
    ("npm", "install"): "npm",
    ("npm", "ci"): "npm",
}
_DESCRIBING = frozenset({"LABEL", "MAINTAINER", "VOLUME"})
_WAY_OUT = "write the image with what docs/local-cloud.md lists under Servers, or deploy the other stacks by name"


class DockerfileError(ValueError):
    """A Dockerfile that cannot be made into an image here; the message has the line and what to do."""


@dataclass(frozen=True)
class Step:
    """Something that is done to make the image.

    Attributes:
        line: Its line in the Dockerfile.
        kind: `copy` (sources, then the destination), `pip` or `npm` (the arguments of the installer).
        arguments: As the kind says.
        folder: The working directory, an absolute path in the image.
        environment: The variables that are set there.
    """

    line: int
    kind: str
    arguments: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]


@dataclass
class Recipe:
    """What a Dockerfile says.

    Attributes:
        base: `python` or `node`.
        version: The tag of the base image; what runs is the version of this machine.
        steps: What is done, in order.
        environment: Variables of the containers.
        folder: Their working directory, an absolute path in the image.
        entrypoint: Words before the command.
        command: The command unless a task definition gives one.
        ports: Ports that the image exposes.
        user: The user that it asks for; containers run as a user of their own in any case.
        stop_signal: What ends a container.
        health_check: The words of its health check, empty without one.
        authorities: Absolute paths in the image of files with the certificate authorities of Amazon RDS.
    """

    base: str = ""
    version: str = ""
    steps: list[Step] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    ports: list[int] = field(default_factory=list)
    user: str = ""
    stop_signal: str = "SIGTERM"
    health_check: tuple[str, ...] = ()
    authorities: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Line:
    number: int
    instruction: str
    value: str


def _lines(text: str) -> Iterator[_Line]:
    """Yield the instructions, with continued lines joined."""
    joined, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("#") or (not stripped and joined):
            continue
        first = first or number
        joined += stripped.removesuffix("\\").rstrip() + " " if stripped.endswith("\\") else stripped
        if stripped.endswith("\\"):
            continue
        if joined:
            instruction, _, value = joined.partition(" ")
            yield _Line(first, instruction.upper(), value.strip())
        joined, first = "", 0


def _words(value: str, otherwise: Literal["shell", "words"]) -> tuple[str, ...]:
    """Return the words of the JSON form; a text is a command of the shell, or is split into its words."""
    if value.startswith("["):
        try:
            words = json.loads(value)
        except ValueError:
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return tuple(words)
    return ("/bin/sh", "-c", value) if otherwise == "shell" else tuple(shlex.split(value))


class _Reader:
    """Turns one instruction after another into the recipe."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.recipe = Recipe()
        self._given = arguments
        self._arguments: dict[str, str] = {}
        self._of_functions = 0

    def end(self) -> None:
        """Refuse what only the end of the Dockerfile shows."""
        if self._of_functions and not self.recipe.entrypoint:
            raise ValueError(
                f"line {self._of_functions}: a container of this base image runs a function and ends at once with any "
                "other command; give it an ENTRYPOINT"
            )

    def _value(self, text: str) -> str:
        known = {**self._arguments, **self.recipe.environment}

        def found(match: re.Match[str]) -> str:
            if match[0] == "\\$":
                return "$"
            value = known.get(match[1] or match[2], "")
            if match[3] == ":-":
                return value or match[4]
            return (match[4] if value else "") if match[3] == ":+" else value

        return _VARIABLE.sub(found, text)

    def read(self, line: _Line) -> None:
        """Take one instruction in."""
        if line.instruction in _DESCRIBING:
            return
        action = getattr(self, f"_{line.instruction.lower()}", None)
        if action is None:
            raise ValueError(f"{line.instruction} is not known here")
        if not self.recipe.base and line.instruction not in {"FROM", "ARG"}:
            raise ValueError(f"{line.instruction} stands before FROM")
        action(line.number, line.value)

    def _from(self, number: int, value: str) -> None:
        if self.recipe.base:
            raise ValueError("a second FROM: images of several stages are not made here")
        words = [word for word in self._value(value).split() if not word.startswith("--platform=")]
        match = (_BASE.fullmatch(words[0]) or _OF_FUNCTIONS.fullmatch(words[0])) if words else None
        if match is None or (len(words) > 1 and words[1].upper() != "AS"):
            raise ValueError("the base image is neither python:… nor node:…")
        self.recipe.base, self.recipe.version = match[1], match[2] or "latest"
        self._of_functions = number if match.re is _OF_FUNCTIONS else 0

    def _arg(self, _number: int, value: str) -> None:
        name, _, default = value.partition("=")
        self._arguments[name.strip()] = self._given.get(name.strip(), self._value(default.strip("\"'")))

    def _env(self, _number: int, value: str) -> None:
        words = shlex.split(value)
        if words and "=" not in words[0]:  # the old form, `ENV name the value`
            words = [f"{words[0]}={value.partition(' ')[2].strip()}"]
        for word in words:
            name, equals, text = word.partition("=")
            if not equals:
                raise ValueError(f"{word!r} has no `=`")
            self.recipe.environment[name] = self._value(text)

    def _workdir(self, _number: int, value: str) -> None:
        self.recipe.folder = str(Path(self.recipe.folder, self._value(value.strip("\"'"))))

    def _copy(self, number: int, value: str) -> None:
        words = [word for word in _words(self._value(value), "words") if not re.match(r"--(chown|chmod|link)\b", word)]
        if option := next((word for word in words if word.startswith("--")), None):
            raise ValueError(f"{option} of COPY is not known here")
        if len(words) < 2:  # noqa: PLR2004  # a source and a destination
            raise ValueError("COPY has no destination")
        self._step(number, "copy", words)

    def _add(self, number: int, value: str) -> None:
        *sources, destination = [word for word in _words(self._value(value), "words") if not word.startswith("--")]
        if len(sources) == 1 and _AUTHORITIES.fullmatch(sources[0]):
            name = sources[0].rpartition("/")[2] if destination.endswith(("/", ".")) else ""
            self.recipe.authorities.append(str(Path(self.recipe.folder, destination, name)))
            return
        if other := next((word for word in _words(self._value(value), "words")[:-1] if _ARCHIVE.match(word)), None):
            raise ValueError(f"ADD of {other}: archives and addresses are not taken, only files and folders")
        self._copy(number, value)

    def _run(self, number: int, value: str) -> None:
        value = re.sub(r"^(--mount=\S+\s+)+", "", self._value(value))
        for command in _JOINED.split(value) if not value.startswith("[") else [shlex.join(_words(value, "words"))]:
            words = shlex.split(command)
            kind, rest = next(
                (
                    (kind, words[len(start) :])
                    for start, kind in _INSTALLERS.items()
                    if tuple(words[: len(start)]) == start
                ),
                ("", []),
            )
            if not kind:
                raise ValueError(f"RUN {command} is neither `pip install` nor `npm install` nor `npm ci`")
            self._step(number, kind, words[1:] if kind == "npm" else rest)

    def _step(self, number: int, kind: str, arguments: Sequence[str]) -> None:
        recipe = self.recipe
        recipe.steps.append(Step(number, kind, tuple(arguments), recipe.folder, dict(recipe.environment)))

    def _expose(self, _number: int, value: str) -> None:
        self.recipe.ports += [int(port.partition("/")[0]) for port in self._value(value).split()]

    def _user(self, _number: int, value: str) -> None:
        self.recipe.user = self._value(value)

    def _cmd(self, _number: int, value: str) -> None:
        self.recipe.command = _words(value, "shell")

    def _entrypoint(self, _number: int, value: str) -> None:
        self.recipe.entrypoint, self.recipe.command = _words(value, "shell"), ()

    def _stopsignal(self, _number: int, value: str) -> None:
        self.recipe.stop_signal = self._value(value)

    def _healthcheck(self, _number: int, value: str) -> None:
        _options, _, command = value.partition("CMD")
        self.recipe.health_check = _words(command.strip(), "shell") if command else ()


def read(file: Path, arguments: Mapping[str, str] | None = None) -> Recipe:
    """Read a Dockerfile.

    Args:
        file: The Dockerfile.
        arguments: Values of `ARG`.

    Raises:
        DockerfileError: it has something that cannot be done here, or is none.
    """
    reader = _Reader(arguments or {})
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DockerfileError(f"{file} cannot be read: {error}") from error
    for line in _lines(text):
        try:
            reader.read(line)
        except ValueError as error:
            raise DockerfileError(
                f"{file.name}, line {line.number}: `{line.instruction} {line.value}`: {error}; {_WAY_OUT}"
            ) from error
    if not reader.recipe.base:
        raise DockerfileError(f"{file.name} has no FROM; {_WAY_OUT}")
    try:
        reader.end()
    except ValueError as error:
        raise DockerfileError(f"{file.name}, {error}; {_WAY_OUT}") from error
    return reader.recipe
