"""Whether a network is an interpretation of a paper that left neither code nor weights."""

from typing import Protocol, runtime_checkable

from lightning.pytorch import LightningModule


@runtime_checkable
class IsInterpretation(Protocol):
    """A network that is ours, after the description of another."""

    interpretation: str
    """Name of the other."""


def interpretation_of(pl_module: LightningModule) -> str | None:
    """Return which published network the module's is an interpretation of; None if of none."""
    found = (net.interpretation for net in pl_module.modules() if isinstance(net, IsInterpretation))
    return next(found, None)
