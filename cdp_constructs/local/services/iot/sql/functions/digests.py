"""The hashes of strings. Python does not have MD2.

https://www.rfc-editor.org/rfc/rfc1319
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.services.iot.sql.functions.function import Function, of
from cdp_constructs.local.services.iot.sql.values import UNDEFINED, as_text

__all__ = ["DIGESTS"]

_BLOCK = 16
_ROUNDS = 18
_SUBSTITUTION = bytes.fromhex(
    "292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca"
    "1e9b573cfdd4e01667426f188a17e512be4ec4d6da9ede49a0fbf58ebb2fee7a"
    "a968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703"
    "ff1930b348a5b5d1d75e922aac56aac64fb838d296a47db676fc6be29c7404f1"
    "459d705964718720865bcf65e62da8021b6025adaeb0b9f61c46616934407e0f"
    "5547a323dd51af3ac35cf9cebac5ea262c530d6e85288409d3dfcdf441814d52"
    "6adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39"
    "f2efb70e6658d0e4a67772f8eb754b0a314450b48fed1f1adb998d339f118314"
)


def _md2(text: bytes) -> str:
    padding = _BLOCK - len(text) % _BLOCK
    text += bytes([padding]) * padding
    checksum, last = bytearray(_BLOCK), 0
    for at, byte in enumerate(text):
        checksum[at % _BLOCK] ^= _SUBSTITUTION[byte ^ last]
        last = checksum[at % _BLOCK]
    state = bytearray(3 * _BLOCK)
    text += checksum
    for start in range(0, len(text), _BLOCK):
        for at, byte in enumerate(text[start : start + _BLOCK]):
            state[_BLOCK + at] = byte
            state[2 * _BLOCK + at] = byte ^ state[at]
        mixed = 0
        for number in range(_ROUNDS):
            for at in range(len(state)):
                mixed = state[at] = state[at] ^ _SUBSTITUTION[mixed]
            mixed = (mixed + number) % 256
    return state[:_BLOCK].hex()


def _of_text(digest: Callable[[bytes], str]) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        text = as_text(value)
        return UNDEFINED if text is None else digest(text.encode())

    return call


def _hash(name: str) -> Callable[[Any], Any]:
    return _of_text(lambda text: hashlib.new(name, text, usedforsecurity=False).hexdigest())


DIGESTS: Mapping[str, Function] = of(
    1,
    {"md2": _of_text(_md2), **{name: _hash(name) for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")}},
)
