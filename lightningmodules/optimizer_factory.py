"""What makes an optimizer, safe to keep in a module that is copied."""

from collections.abc import Iterable
from typing import Self

from lightning.pytorch.cli import OptimizerCallable
from torch.nn import Parameter
from torch.optim import Optimizer


class OptimizerFactory:
    """Makes optimizers as the callable in it does; all copies of a module share one.

    A callable that the command line made holds that command line, and by it the data and the
    trainer. Averaging copies the module: without this it would copy all of them, and fail where the
    trainer has started other processes, which cannot be copied.

    Args:
        make: From parameters to an optimizer.
    """

    def __init__(self, make: OptimizerCallable) -> None:
        self._make = make

    def __call__(
        self, parameters: Iterable[Parameter] | Iterable[dict[str, list[Parameter]]]
    ) -> Optimizer:
        """Return an optimizer of `parameters`, or of groups of them under ``params``."""
        return self._make(parameters)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return this very factory."""
        return self
