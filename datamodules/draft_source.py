"""What a generation run asks of the source of its pairs."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from datamodules.sample import Sample


class DraftSource(Protocol):
    """Lists what pairs are to be made of and makes each one's draft, on the CPU.

    A draft is the finished pair, or what a painter makes the finished pair of on the device. A
    `GenerationRun` receives the source by ``class_path``: data modules never import generators.
    """

    def prepare(self) -> None:
        """Make ready what lies on disk, and know it; every process calls this before all else.

        One process comes first. What another has made ready is not made again.

        Raises:
            ValueError: If the source cannot be used as it is.
        """
        ...

    def fingerprint(self) -> str:
        """Return what tells these inputs from others: content, never places.

        Files that were changed, and code whose pixels changed, give another one. What the
        configuration says need not be part of it.
        """
        ...

    def keys(self) -> Sequence[str]:
        """Return one key for each pair, in the order of the plan, each once.

        A key is ``<name>~<which>``. The name, after its last "/", is that of the training photo or
        of the scene; the pair's id begins with it.
        """
        ...

    def draft(self, key: str, seed: int) -> Sample:
        """Return the draft of a key, a function of the arguments and the inputs alone.

        Called in DataLoader workers. Id and seed of the result are replaced by the plan's.

        Raises:
            datamodules.synthesis.SynthesisError: If nothing usable came of this seed; the pair is
                rejected for the reason in the message.
        """
        ...


@runtime_checkable
class OfClasses(Protocol):
    """A source that knows what its pairs show before it makes any."""

    @property
    def class_names(self) -> Sequence[str]:
        """Names of all classes, each once; known once the source is prepared."""
        ...


@runtime_checkable
class OfOrigins(Protocol):
    """A source that can show what a draft is made of."""

    def origin(self, key: str) -> Sample:
        """Return the training photo, with its mask, of a key's draft."""
        ...
