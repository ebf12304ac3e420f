"""Decodes an image in a process of its own, which ends when it takes too long or too much memory.

Decoders are compiled code: neither a signal nor another thread interrupts one, and a crash would end the function.
"""

import multiprocessing
import resource
from dataclasses import dataclass
from multiprocessing.connection import Connection

from .images import Thumbnail, UnreadableImageError, shrink

# A fork takes milliseconds and has the decoders and the image in its memory. The function has one thread, so none other
# can hold a lock at that moment. Pools and queues of multiprocessing need /dev/shm, which Lambda does not have.
processes = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Limits:
    """What decoding one image may take."""

    seconds: float
    megabytes: int


def shrink_within(limits: Limits, data: bytes, content_type: str, pixels: int) -> Thumbnail:
    """Return the thumbnail of an image.

    Raises:
        UnreadableImageError: when it cannot be read, takes more than that, or crashes the decoder.
    """
    answers, answer = processes.Pipe(duplex=False)
    process = processes.Process(target=_answer, args=(answer, limits.megabytes, data, content_type, pixels))
    with answers:
        with answer:
            process.start()
        try:
            if not answers.poll(limits.seconds):
                raise UnreadableImageError("too-slow")
            thumbnail: Thumbnail | UnreadableImageError = answers.recv()
        except EOFError as error:
            raise UnreadableImageError("broken", "the decoder crashed") from error
        finally:
            process.kill()
            process.join()
    if isinstance(thumbnail, UnreadableImageError):
        raise thumbnail
    return thumbnail


def _answer(answer: Connection, megabytes: int, data: bytes, content_type: str, pixels: int) -> None:
    # Allocations fail beyond it, which every decoder reports; Lambda would end the function.
    resource.setrlimit(resource.RLIMIT_DATA, (megabytes * 1024**2, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    try:
        answer.send(shrink(data, content_type, pixels))
    except UnreadableImageError as error:
        answer.send(error)
