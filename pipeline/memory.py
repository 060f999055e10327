"""How much memory there is: of what this process can have, not of what is built in."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARE = 0.6
LEAST_MIB = 64  # with less it cannot even begin
_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_STATUS = Path("/proc/self/status")
_MIB = 2**20
_LIMITS = {resource.RLIMIT_AS: "ulimit -v", resource.RLIMIT_DATA: "ulimit -d"}
_OUT_OF_MEMORY = (
    "bad_alloc",
    "bad allocation",
    "cannot allocate memory",
    "failed to map segment",
    "can't start new thread",
    "unable to allocate",
)


def limit_bytes(share: float = SHARE, mib: int | None = None) -> int:
    """The limit in bytes: `mib` MiB, or a share, 0-1, of what memory there is; 64 MiB at least."""
    wanted = mib * _MIB if mib is not None else int(usable_bytes() * share)
    return max(wanted, LEAST_MIB * _MIB)


def usable_bytes() -> int:
    """The machine's memory, or that of the container or of `ulimit` where it is less.

    A container that takes more is killed, and the machine's own size says nothing of that.
    """
    return min(limits_by_name())[0]


def named_limit() -> str:
    """The smallest limit of memory that this process is under, such as "512 MiB, ulimit -v"."""
    limit, name = min(limits_by_name())
    return f"{limit / _MIB:,.0f} MiB, {name}"


def limits_by_name() -> list[tuple[int, str]]:
    """Every limit that this process is under, in bytes, with its name."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [(machine, "what the machine has")]
    limits += [(limit, "that of the container") for limit in container_limits()]
    for number, name in _LIMITS.items():
        soft, _ = resource.getrlimit(number)
        if soft != resource.RLIM_INFINITY:
            limits.append((soft, name))
    return limits


def ran_out(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that there was no memory left."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or getattr(seen, "errno", None) == errno.ENOMEM:
            return True
        # Of libraries in C++, of the loader of shared ones, and of a thread without a stack.
        if any(sign in str(seen).lower() for sign in _OUT_OF_MEMORY):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def container_limits(membership: Path = _MEMBERSHIP, root: Path = _CGROUPS) -> list[int]:
    """The limits in bytes of the control groups around this process; none where there are none.

    membership, root: where Linux tells of them, for both versions of control groups.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # no Linux
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, file = root, "memory.max"
        elif "memory" in controllers.split(","):
            top, file = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")
        # A container sees its own group as the root, whatever path it is told.
        for folder in {top, group, *(p for p in group.parents if p.is_relative_to(top))}:
            try:
                text = (folder / file).read_text().strip()
            except OSError:
                continue
            if text.isdigit():  # else "max"
                limits.append(int(text))
    return limits


@contextmanager
def at_most(more: int) -> Iterator[None]:
    """Within the block an allocation fails that would take the process beyond so many bytes more.

    The engine keeps to its limit where it can set rows aside; a single value, such as a list of a
    billion numbers, it allocates outright, and the system would kill the process. On Linux;
    elsewhere nothing is bounded.
    """
    taken = _taken()
    if taken is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([taken + more, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _taken() -> int | None:
    """Bytes of private memory that the process has by now; None where nobody says."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData")), None)
