"""What a report asks of a data module, so that any data module can answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor


class Problem(Protocol):
    """One finding of the data set check."""

    @property
    def kind(self) -> str:
        """Short name that findings are counted by."""

    @property
    def id(self) -> str:
        """The sample."""

    @property
    def path(self) -> Path | str:
        """The file at fault."""

    @property
    def message(self) -> str:
        """What is wrong."""

    @property
    def cure(self) -> str:
        """What to do about it."""


@runtime_checkable
class LeavesOut(Protocol):
    """A data module that can go on without some of the images it was asked to test on."""

    @property
    def left_out(self) -> Sequence[Problem]:
        """Why, one an image; empty where all are tested."""


@runtime_checkable
class ReportsData(Protocol):
    """A data module that can say what its training masks look like and what it left out."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Findings of the check; empty where all is well."""

    def mean_mask(self) -> Tensor | None:
        """Return the mean of the training masks, ``(H, W)`` float in [0, 1]; None without any."""
