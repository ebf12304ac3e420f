"""Dockerfiles: what is read of them, and what is refused with its line."""

from pathlib import Path

import pytest

from cdp_constructs.local.containers.dockerfile import DockerfileError, Step, read

TYPICAL = r"""
# syntax=docker/dockerfile:1
ARG PYTHON=3.13
FROM --platform=linux/arm64 public.ecr.aws/docker/library/python:${PYTHON}-slim AS app
LABEL org.opencontainers.image.title="chat"
WORKDIR /srv
ENV PORT=8080 MODE="a b"
ENV HOME_PAGE http://localhost:${PORT}/
COPY requirements.txt ./
RUN pip install --no-cache-dir \
    # what the server needs
    -r requirements.txt && \
    pip install gunicorn==23.0
WORKDIR app
COPY --chown=app:app chat ./chat
EXPOSE $PORT 9090/tcp
USER app
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD ["python", "-m", "chat.check"]
ENTRYPOINT ["python", "-m"]
CMD ["chat", "--port", "8080"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "Dockerfile"


def test_what_is_read(file: Path) -> None:
    file.write_text(TYPICAL)
    recipe = read(file)
    assert (recipe.base, recipe.version) == ("python", "3.13-slim")
    assert recipe.environment == {"PORT": "8080", "MODE": "a b", "HOME_PAGE": "http://localhost:8080/"}
    assert [(step.line, step.kind, step.arguments, step.folder) for step in recipe.steps] == [
        (9, "copy", ("requirements.txt", "./"), "/srv"),
        (10, "pip", ("--no-cache-dir", "-r", "requirements.txt"), "/srv"),
        (10, "pip", ("gunicorn==23.0",), "/srv"),
        (15, "copy", ("chat", "./chat"), "/srv/app"),
    ]
    assert (recipe.folder, recipe.ports, recipe.user, recipe.stop_signal) == ("/srv/app", [8080, 9090], "app", "SIGINT")
    assert (recipe.entrypoint, recipe.command) == (("python", "-m"), ("chat", "--port", "8080"))
    assert recipe.health_check == ("python", "-m", "chat.check")


def test_arguments_replace_defaults(file: Path) -> None:
    file.write_text(TYPICAL)
    assert read(file, {"PYTHON": "3.12"}).version == "3.12-slim"


def test_variables_of_a_step_are_those_before_it(file: Path) -> None:
    file.write_text("FROM node:22\nENV A=1\nRUN npm ci --omit=dev\nENV A=2\n")
    assert read(file).steps == [Step(3, "npm", ("ci", "--omit=dev"), "/", {"A": "1"})]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python main.py --name 'a b'", ("/bin/sh", "-c", "python main.py --name 'a b'")),
        ('["python", "main.py"]', ("python", "main.py")),
        ("[not json", ("/bin/sh", "-c", "[not json")),
    ],
)
def test_both_forms_of_a_command(file: Path, command: str, words: tuple[str, ...]) -> None:
    file.write_text(f"FROM python\nCMD {command}\n")
    assert read(file).command == words


def test_an_entry_point_clears_the_command_before_it(file: Path) -> None:
    file.write_text('FROM python:3\nCMD ["a"]\nENTRYPOINT ["b"]\n')
    assert (read(file).entrypoint, read(file).command) == (("b",), ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("FROM ubuntu:24.04\n", "line 1: `FROM ubuntu:24.04`: the base image is neither python"),
        ("FROM python:3\nRUN apt-get update && apt-get install -y git\n", "line 2: .* RUN apt-get update is neither"),
        ("FROM python:3\n\nRUN pip install a; rm -rf /\n", "line 3: .* RUN rm -rf / is neither"),
        ("FROM python:3\nFROM node:22\n", "line 2: .* images of several stages"),
        ("FROM python:3\nCOPY --from=build /a /b\n", "line 2: .* --from=build of COPY is not known"),
        (
            "FROM python:3\nADD https://example.com/a /\n",
            "line 2: .* ADD of https://example.com/a: archives and addresses",
        ),
        ("FROM python:3\nADD site.tar.gz /\n", "line 2: .* ADD of site.tar.gz: archives and addresses"),
        ("FROM public.ecr.aws/lambda/python:3.13\nCMD python3 a.py\n", "line 1: a container of this base image runs a"),
        ("FROM python:3\nENV A=1 B\n", "line 2: .* 'B' has no `=`"),
        ("FROM python:3\nENV A='1\n", "line 2: .* No closing quotation"),
        ("FROM python:3\nEXPOSE web\n", "line 2: .* invalid literal"),
        ("RUN pip install a\n", "line 1: .* RUN stands before FROM"),
        ("# nothing\n", "has no FROM"),
    ],
)
def test_what_cannot_be_done_here_is_refused_with_its_line(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    with pytest.raises(DockerfileError, match=problem) as caught:
        read(file)
    assert "docs/local-cloud.md lists under Servers" in str(caught.value)


def test_what_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes(b"FROM python\nENV A=\xff\n")
    with pytest.raises(DockerfileError, match="cannot be read"):
        read(file)


@pytest.mark.parametrize(
    ("destination", "path"),
    [("ca.pem", "/srv/ca.pem"), ("./", "/srv/global-bundle.pem"), ("/etc/ca.pem", "/etc/ca.pem")],
)
def test_the_certificate_authorities_of_rds_are_known_by_their_address(file: Path, destination: str, path: str) -> None:
    address = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
    file.write_text(f"FROM python:3\nWORKDIR /srv\nADD --chmod=644 {address} {destination}\n")
    recipe = read(file)
    assert (recipe.authorities, recipe.steps) == ([path], [])
    file.write_text(f"FROM python:3\nADD {address.replace('truststore', 'elsewhere')} /ca.pem\n")
    with pytest.raises(DockerfileError, match="addresses are not taken"):
        read(file)
