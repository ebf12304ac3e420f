"""Ten services, two databases and a cache: what they cost until they run, and while nothing happens.

By seconds of CPU, which hardly depend on what else this machine does; `make bench-servers` measures those on the wall.
"""

from benchmarks.servers import IDLE_GOAL, SERVICES, START_GOAL, measure

_CORES = 2


def test_two_cores_start_and_keep_ten_services_two_databases_and_a_cache() -> None:
    seen = measure()
    # A container is a process at least, a database six, a cache one; the server and its guardian.
    assert seen.processes >= SERVICES + 2 * 6 + 1 + 2
    assert seen.start_cpu <= _CORES * START_GOAL / 2, "half of what two cores have in that time, since some of it waits"
    assert seen.idle <= IDLE_GOAL
