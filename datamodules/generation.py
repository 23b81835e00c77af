"""A generation run: the shards of a plan as the dataset of a prediction."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from datamodules.decode import start_worker
from datamodules.draft_source import DraftSource, OfClasses
from datamodules.generation_plan import (
    PLAN,
    Plan,
    PlanItem,
    PlanShard,
    Recipe,
    read_plan,
    require_free,
    require_same,
    write_plan,
)
from datamodules.generation_result import DraftedShard, Rejected, Seconds
from datamodules.sample import Sample
from datamodules.sample_record import pack
from datamodules.shards import published_shards, remove_leftovers
from datamodules.synthesis import SynthesisError

DRAFT = "draft"
"""Name of the first stage, and what a pair is rejected by of which no draft came to be."""


@runtime_checkable
class PreparesClasses(Protocol):
    """A module that makes something ready for the classes of a run, such as their prompts."""

    def prepare_classes(self, class_names: Sequence[str]) -> None:
        """Make ready what the classes need.

        Raises:
            ValueError: If that cannot be done; the run then ends with nothing written.
        """
        ...


class GenerationRun(LightningDataModule):
    """Makes a set once: the shards that its plan has and its folder has not.

    The folder is on a disk that all processes of the run share.

    Args:
        folder: Of the set; made where missing. One that was begun with another recipe is refused.
        source: Makes the drafts.
        shard_size: Pairs that are published together, and lost together by a kill. A drafted shard
            waits in shared memory: two for each worker.
        num_workers: Processes that make drafts, of each rank.
        seed: Root of all randomness; linked to ``seed_everything``.
    """

    def __init__(
        self,
        folder: Path | str,
        source: DraftSource,
        *,
        shard_size: int = 64,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.source = source
        self.shard_size = shard_size
        self.num_workers = num_workers
        self.seed = seed
        self.recipe: Recipe = {}
        """What the configuration says of the pixels; the command line fills it in."""
        # one process writes the plan, wherever the others run
        self.prepare_data_per_node = False
        # a rank may have no shard left to make
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self._plan: Plan | None = None
        self._missing: list[int] = []

    @property
    def plan(self) -> Plan:
        """The plan, which stands on disk after `prepare_data`."""
        if self._plan is None:
            self._plan = read_plan(self.folder)
        return self._plan

    def nothing_left(self, *, is_first: bool) -> bool:
        """Return whether all of the plan is published.

        Args:
            is_first: Whether this is the first process of the run. It alone looks at the recipe:
                the source may have to be made ready for that, and one process comes first.

        Raises:
            ValueError: If the folder was begun with another recipe, or holds something else.
        """
        if not (self.folder / PLAN).is_file():
            if is_first:
                require_free(self.folder)  # before the source is made ready, which may take long
            return False
        if is_first:
            require_same(self.folder, self._wanted())
        return not self.missing()

    def missing(self) -> list[int]:
        """Return the places in the plan of shards that are not published."""
        there = set(published_shards(self.folder))
        return [k for k, shard in enumerate(self.plan.shards) if shard.id not in there]

    def prepare_data(self) -> None:
        """Write the plan, once the module is ready for its classes.

        Raises:
            ValueError: If the folder was begun with another recipe, the source is of no use, or the
                module cannot be made ready.
            OSError: If the folder cannot be written.
        """
        wanted = self._wanted()
        module = None if self.trainer is None else self.trainer.lightning_module
        if isinstance(module, PreparesClasses) and isinstance(self.source, OfClasses):
            module.prepare_classes(self.source.class_names)
        write_plan(self.folder, wanted)
        remove_leftovers(self.folder)

    def setup(self, stage: str) -> None:
        """Take this rank's slice of what is missing; all ranks slice one list, rank 0's."""
        self.source.prepare()  # before the workers start, which then know it too
        rank, world_size, missing = 0, 1, self.missing()
        if self.trainer is not None:
            rank, world_size = self.trainer.global_rank, self.trainer.world_size
            missing = self.trainer.strategy.broadcast(missing)
        self._missing = missing[rank::world_size]

    def predict_dataloader(self) -> DataLoader[DraftedShard]:
        """Return this rank's shards, in the order of the plan."""
        shards = [self.plan.shards[number] for number in self._missing]
        return DataLoader(
            ShardDrafts(shards, self.source, self.plan.recipe_hash),
            batch_size=None,  # an item is a whole shard
            num_workers=min(self.num_workers, len(shards)),
            worker_init_fn=start_worker,
        )

    def transfer_batch_to_device(
        self, batch: DraftedShard, device: torch.device, dataloader_idx: int
    ) -> DraftedShard:
        """Leave a shard on the CPU: the module takes batch after batch of it to the device."""
        return batch

    def _wanted(self) -> Plan:
        self.source.prepare()
        return Plan(
            recipe={**self.recipe, "inputs": self.source.fingerprint()},
            keys=tuple(self.source.keys()),
            shard_size=self.shard_size,
            seed=self.seed,
        )


class ShardDrafts(Dataset[DraftedShard]):
    """Shards of a plan, drafted.

    Args:
        shards: What is to be made.
        source: Makes the drafts.
        recipe_hash: Goes into the provenance of each.
    """

    def __init__(self, shards: Sequence[PlanShard], source: DraftSource, recipe_hash: str) -> None:
        self.shards = list(shards)
        self.source = source
        self.recipe_hash = recipe_hash

    def __len__(self) -> int:
        return len(self.shards)

    def __getitem__(self, index: int) -> DraftedShard:
        shard, start = self.shards[index], time.process_time()
        samples: list[Sample] = []
        rejected: list[Rejected] = []
        with _one_thread():
            for item in shard.items:
                try:
                    samples.append(self._draft(item))
                except SynthesisError as error:
                    reason = " ".join(str(error).split())
                    rejected.append(Rejected(id=item.id, filter=DRAFT, reason=reason))
        return DraftedShard(
            shard=shard,
            samples=pack(samples),
            rejected=tuple(rejected),
            seconds=Seconds(cpu=time.process_time() - start),
        )

    def _draft(self, item: PlanItem) -> Sample:
        draft = self.source.draft(item.key, item.seed)
        provenance = replace(draft.provenance, config=self.recipe_hash)
        return replace(draft, id=item.id, seed=item.seed, provenance=provenance)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute as a worker does: sums in several threads differ in their last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
