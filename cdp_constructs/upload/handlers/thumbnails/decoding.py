"""Decodes an image in a process of its own, which is killed when it takes too long.

Decoders are compiled code: neither a signal nor another thread interrupts one, and a crash would end the function.
"""

import multiprocessing
from multiprocessing.connection import Connection

from .images import Thumbnail, UnreadableImageError, shrink

# A fork takes milliseconds and has the decoders and the image in its memory. The function has one thread, so none other
# can hold a lock at that moment.
processes = multiprocessing.get_context("fork")


def shrink_within(seconds: float, data: bytes, content_type: str, pixels: int) -> Thumbnail:
    """Return the thumbnail of an image.

    Raises:
        UnreadableImageError: when it cannot be read, takes longer, or crashes the decoder.
    """
    answers, answer = processes.Pipe(duplex=False)
    process = processes.Process(target=_answer, args=(answer, data, content_type, pixels))
    with answers:
        with answer:
            process.start()
        try:
            if not answers.poll(seconds):
                raise UnreadableImageError("too-slow")
            thumbnail: Thumbnail | UnreadableImageError = answers.recv()
        except EOFError as error:
            raise UnreadableImageError("broken", "the decoder crashed, or took more memory than there is") from error
        finally:
            process.kill()
            process.join()
    if isinstance(thumbnail, UnreadableImageError):
        raise thumbnail
    return thumbnail


def _answer(answer: Connection, data: bytes, content_type: str, pixels: int) -> None:
    try:
        answer.send(shrink(data, content_type, pixels))
    except UnreadableImageError as error:
        answer.send(error)
