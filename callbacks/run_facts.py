"""What a reader needs to run a result again: command, commit, versions, hardware."""

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

REPOSITORY = Path(__file__).parents[1]
UNKNOWN = "unknown"


def command() -> str:
    """Return the command of this process as it was typed, the interpreter by its name alone."""
    return shlex.join([Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]])


def commit() -> str:
    """Return the commit of this clone and how its code differs from it; "unknown" without git.

    Files that git does not track are no changed code, but a module among them may have run.
    """
    revision = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    modules = _git("ls-files", "--others", "--exclude-standard", "--", "*.py")
    if not revision or changes is None or modules is None:
        return UNKNOWN
    differing = [
        f"{len(lines)} {what}{'s' if len(lines) > 1 else ''}"
        for lines, what in (
            (changes.splitlines(), "changed file"),
            (modules.splitlines(), "untracked module"),
        )
        if lines
    ]
    return " with ".join([revision, " and ".join(differing)]) if differing else revision


def versions() -> str:
    """Return the versions that decide a result, in one line."""
    packages = ("segfoundry", "torch", "lightning")
    listed = [f"{name} {_version(name)}" for name in packages]
    return ", ".join([f"Python {platform.python_version()}", *listed])


def hardware(device: torch.device, num_processes: int) -> str:
    """Return processor, memory and GPU of this machine and the number of processes, in one line.

    Args:
        device: Where the network ran.
        num_processes: Of the whole run, on all machines.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts = [_processor(), f"{cores} cores", f"{memory:.0f} GiB memory"]
    if device.type == "cuda":
        facts.append(torch.cuda.get_device_name(device))
    if num_processes > 1:
        facts.append(f"{num_processes} processes")
    return ", ".join(facts)


def duration(seconds: float) -> str:
    """Return a length of time as people write it.

    Example:
        >>> duration(3725)
        '1 h 2 min'
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # git is not installed
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a clone that was not installed
        return UNKNOWN


def _processor() -> str:
    information = Path("/proc/cpuinfo")  # platform.processor() is empty on Debian
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
