"""CPU and memory of processes, and what else the machine was doing. Linux only: it reads /proc."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# Fields of the first line of /proc/stat (proc_stat(5)): idle and iowait are no work, guest time is in user time too.
NOT_WORK = {3, 4, 8, 9}


def tree(pid: int) -> list[int]:
    """The process and all its descendants that live now."""
    found, todo = [], [pid]
    while todo:
        process = todo.pop()
        found.append(process)
        for children in PROC.glob(f"{process}/task/*/children"):
            try:
                todo.extend(map(int, children.read_text().split()))
            except OSError:  # the thread has ended
                continue
    return found


def cpu_ns(pid: int) -> int:
    """CPU time of one process so far, its ended threads included; 0 when it has gone.

    The kernel has a clock for each process that counts in nanoseconds, where /proc/PID/stat counts in ticks of
    10 ms. Its id is made as in the kernel's MAKE_PROCESS_CPUCLOCK: the inverted pid, and 2 for scheduler time.
    """
    try:
        return time.clock_gettime_ns(~pid << 3 | 2)
    except OSError:
        return 0


def rss_mb(pid: int) -> float:
    """Resident memory of the process and its descendants, in MB (10^6 bytes), shared pages counted in each."""
    total = 0
    for process in tree(pid):
        try:
            lines = (PROC / str(process) / "status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return total * 1024 / 1e6


@dataclass(frozen=True)
class Reading:
    """All clocks at one instant."""

    at_ns: int
    server_ns: int
    generator_ns: int
    own_ns: int
    machine_ns: int
    """Work of the whole machine, what the hypervisor gave to others included, in steps of one tick."""

    @classmethod
    def take(cls, server: int, generator: int) -> "Reading":
        """Read the clocks of a server's process tree, of the generator, of this process and of the machine."""
        fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
        ticks = sum(int(value) for i, value in enumerate(fields) if i not in NOT_WORK)
        return cls(
            at_ns=time.monotonic_ns(),
            server_ns=sum(map(cpu_ns, tree(server))),
            generator_ns=cpu_ns(generator),
            own_ns=time.process_time_ns(),
            machine_ns=ticks * 1_000_000_000 // TICKS_PER_SECOND,
        )


@dataclass(frozen=True)
class Use:
    """What happened between two readings."""

    seconds: float
    server_ns: int
    server_share: float
    """Of one core."""
    generator_share: float
    """Of one core; near 1 means that the generator was the limit."""
    foreign_share: float
    """Of all cores: work that was neither the server's, nor the generator's, nor the bench's own."""

    @classmethod
    def between(cls, before: Reading, after: Reading) -> "Use":
        """Subtract the earlier reading from the later one."""
        wall = after.at_ns - before.at_ns
        server = after.server_ns - before.server_ns
        generator = after.generator_ns - before.generator_ns
        known = server + generator + after.own_ns - before.own_ns
        foreign = max(0, after.machine_ns - before.machine_ns - known)
        return cls(
            seconds=wall / 1e9,
            server_ns=server,
            server_share=server / wall,
            generator_share=generator / wall,
            foreign_share=foreign / wall / (os.cpu_count() or 1),
        )
