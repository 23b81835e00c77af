"""What the reports of features ask of a module."""

from typing import Protocol


class NamesExtractor(Protocol):
    """A module that says whose features it compares."""

    @property
    def extractor(self) -> str:
        """Name of the extractor and of where its weights come from."""

    @property
    def extractor_hash(self) -> str:
        """What tells its weights from any others."""
