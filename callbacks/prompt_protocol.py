"""What a network was told beside the photo, so that no table mixes it with others.

A network that is given the box of each true mask (SAM-HQ) solves another task than one that sees
the photo alone: their scores never stand in one table.
"""

from pathlib import Path
from typing import Protocol, runtime_checkable

from lightning.pytorch import LightningModule

PROTOCOL_FILE = "protocol.txt"
"""Of a report: one line. Without it the network saw the photos alone."""
_PHOTO_ALONE = "the network saw the photo alone"


@runtime_checkable
class IsPrompted(Protocol):
    """A network that is told where the objects are."""

    prompt_protocol: str
    """What it was told, for the reader."""


def protocol_of(pl_module: LightningModule) -> str | None:
    """Return what the module's ``net`` is told; None if it sees the photo alone."""
    net: object = getattr(pl_module, "net", None)
    return net.prompt_protocol if isinstance(net, IsPrompted) else None


def refuse_prompted(net: object, task: str) -> None:
    """Hold a network that is told where the object is off photos that have no mask.

    Args:
        net: Any network.
        task: What it was asked for, with its verb: "export takes".

    Raises:
        ValueError: If it is prompted.
    """
    if isinstance(net, IsPrompted):
        raise ValueError(
            f"{type(net).__name__} is told by the true mask where the object is: {task} networks "
            "that see the photo alone"
        )


def read_protocol(report: Path) -> str | None:
    """Return what the network of a report was told; None if it saw the photos alone.

    Args:
        report: Folder of the report's files.

    Raises:
        OSError: If the file stands there and cannot be read.
    """
    path = report / PROTOCOL_FILE
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def difference(name: str, protocol: str | None, *, other: str, other_protocol: str | None) -> str:
    """Return one line that says why two runs cannot stand in one table; empty where they can.

    Args:
        name: Of a run.
        protocol: What its network was told.
        other: Name of another run.
        other_protocol: What that one's network was told.
    """
    if protocol == other_protocol:
        return ""
    return (
        f"{name} and {other} were tested by two protocols ({protocol or _PHOTO_ALONE}; "
        f"{other_protocol or _PHOTO_ALONE}): their scores never stand in one table, name runs of "
        "one protocol"
    )
