"""Which names the labels of a data set have, known before its first image is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNames:
    """The names of a sample's labels, or of all samples of a set."""

    where: str
    """The set, or the first sample with these names: messages begin with it."""
    class_names: tuple[str, ...]
    """Label k is name k; name 0 is the background."""
    lacks_counterfactual: bool
    """Whether it is trained on beside a counterfactual, if there were one, and there is none."""


@runtime_checkable
class TellsLabelNames(Protocol):
    """Data that can say what its labels are called."""

    def label_names(self) -> Sequence[LabelNames]:
        """Return all that differ, of training and validation; known after ``setup``.

        No image is decoded.
        """
        ...
