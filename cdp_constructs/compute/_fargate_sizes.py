"""The sizes of tasks that AWS Fargate has."""

from collections.abc import Sequence

from cdp_constructs.core.validation import InvalidOptionError, check_range

_SIZES = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"
_GIB = 1024
# Memory by CPU units: the least and the most, and the steps in between, in GiB; a quarter of a CPU has three sizes.
_SMALLEST_CPU, _SMALLEST_SIZES = 256, (512, 1024, 2048)
_MEMORY = {512: (1, 4, 1), 1024: (2, 8, 1), 2048: (4, 16, 1), 4096: (8, 30, 1), 8192: (16, 60, 4), 16384: (32, 120, 8)}


def check_size(path: str, cpu: int, memory_limit_mib: int) -> None:
    """Refuse a size that AWS Fargate does not have.

    Raises:
        InvalidOptionError: naming the sizes that it has.
    """
    # Tokens end here: what they stand for cannot be compared.
    check_range(path, "cpu", cpu, low=_SMALLEST_CPU, high=max(_MEMORY), unit="units", source=_SIZES)
    most = max(high for _, high, _ in _MEMORY.values()) * _GIB
    check_range(
        path, "memory_limit_mib", memory_limit_mib, low=_SMALLEST_SIZES[0], high=most, unit="MiB", source=_SIZES
    )
    if cpu != _SMALLEST_CPU and cpu not in _MEMORY:
        sizes = ", ".join(map(str, (_SMALLEST_CPU, *_MEMORY)))
        raise InvalidOptionError(path, "cpu", f"is {cpu!r} units", f"Use one of {sizes} ({_SIZES})")
    if cpu == _SMALLEST_CPU:
        allowed: Sequence[int] = _SMALLEST_SIZES
    else:
        low, high, step = _MEMORY[cpu]
        allowed = range(low * _GIB, high * _GIB + 1, step * _GIB)
    if memory_limit_mib not in allowed:
        sizes = f"{allowed[0]}, {allowed[1]} … {allowed[-1]}"
        problem = f"is {memory_limit_mib!r} MiB beside {cpu} units of CPU"
        raise InvalidOptionError(path, "memory_limit_mib", problem, f"Use one of {sizes} ({_SIZES})")
