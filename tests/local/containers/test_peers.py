"""Who has the other end of a connection: two connections may have the same port, to different places."""

import os
import socket
import subprocess
import sys

import pytest

from cdp_constructs.local.containers.peers import process_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="proc(5) is Linux's")
_CONNECT = """
import socket, sys
with socket.socket() as connection:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    connection.bind(("127.0.0.1", int(sys.argv[1])))
    connection.connect(("127.0.0.1", int(sys.argv[2])))
    print("connected", flush=True)
    sys.stdin.read()
"""


def test_the_process_is_that_of_the_connection_to_a_place() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        socket.socket() as own,
    ):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        own.bind(("127.0.0.1", 0))
        own.connect(one.getsockname())
        address, port = own.getsockname()
        command = [sys.executable, "-c", _CONNECT, str(port), str(two.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"connected\n"
            assert process_of(address, port, other=one.getsockname()) == os.getpid()
            assert process_of(address, port, other=two.getsockname()) == other.pid
            other.kill()
