"""Which pairs of a pool were rejected after they had been logged."""

from pathlib import Path

from datamodules.pool_log import PoolLog
from datamodules.shard_index import rejected_later
from datamodules.shards import ShardReader


class PoolRejections:
    """The reject lists of a pool beside its log.

    A rejection is for the rest of a run: to take its line out of the list brings the pair back into
    other runs alone.

    Args:
        root: Folder of the pool.
        log: The pairs that are logged.
    """

    def __init__(self, root: Path, log: PoolLog) -> None:
        self.root = root
        self.log = log
        self.ids: set[str] = set()
        """All that the lists named when they were last read."""
        self._numbers: dict[str, int] = {}
        self._num_shards = 0  # whose pairs are in `_numbers`
        self._num_pairs = 0

    def read(self) -> list[int]:
        """Read the lists and return, rising, the numbers of pairs that the log has to reject yet.

        Raises:
            OSError: If a list or a logged shard cannot be read.
            ValueError: If one of them is broken.
        """
        self.ids = rejected_later(self.root)
        if self.ids:  # else no shard need be read
            self._take_in_new_shards()
        numbers = sorted(self._numbers[id] for id in self.ids & self._numbers.keys())
        return [number for number in numbers if not self.log.is_rejected[number]]

    def _take_in_new_shards(self) -> None:
        for shard in self.log.shards[self._num_shards :]:
            ids = ShardReader(self.root, shard.id).ids
            for number, place in enumerate(shard.places, self._num_pairs):
                self._numbers[ids[place]] = number
            self._num_pairs += len(shard.places)
            self._num_shards += 1
