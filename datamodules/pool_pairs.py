"""The pairs of a pool, as its log gives them to the slots of a run."""

from pathlib import Path

from datamodules.pairs import Pairs
from datamodules.pool_log import LoggedShard, PoolLog
from datamodules.problems import DatasetError
from datamodules.sample import View
from datamodules.seeds import seed_for
from datamodules.shards import ShardReader
from datamodules.synthetic import shard_reader
from datamodules.transforms import JointTransform


class PoolPairs:
    """Training views of a pool, functions of (seed, slot, log).

    Args:
        root: Folder of the pool.
        log: Which pair stands at which slot.
        size: (height, width) of the views.
        transform: For training.
    """

    def __init__(
        self,
        root: Path,
        log: PoolLog,
        *,
        size: tuple[int, int],
        transform: JointTransform | None = None,
    ) -> None:
        self.root = root
        self.log = log
        self._views = Pairs([], size=size, transform=transform)

    def training_view(self, slot: int, seed: int) -> View | None:
        """Return the pair at a slot as training sees it; None where the pool had none left.

        Args:
            slot: One that asks this pool.
            seed: Root seed of the run.

        Raises:
            TimeoutError: If the log decides nothing about the slot.
            DatasetError: If the pool has lost the pair since it was logged.
            DecodeError: If it is broken.
        """
        found = self.log.pair_at(slot)
        if found is None:
            return None
        shard, place = found
        reader = self._reader(shard)
        sample = reader.sample(place)
        size = (sample.mask.shape[0], sample.mask.shape[1])
        return self._views.view_of(sample, size, seed_for(seed, reader.ids[place], slot))

    def _reader(self, shard: LoggedShard) -> ShardReader:
        reader = shard_reader(self.root, shard.id)
        if not reader.folder.is_dir() or reader.done["sha256"] != shard.sha256:
            raise DatasetError(
                f"{reader.folder} is gone or another one than {self.log.path} was written for: put "
                "it back, or start the run afresh"
            )
        return reader
