"""What a DataModule asks of a generator that is given to it."""

from pathlib import Path
from typing import Protocol


class SetSource(Protocol):
    """Writes a data set in the DIS5K layout, once.

    A DataModule receives it by ``class_path``: data modules never import generators.
    """

    def write(self, root: Path) -> None:
        """Write the set below `root`; return at once where it stands already.

        Raises:
            ValueError: If another set stands there.
        """
