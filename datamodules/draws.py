"""Which sample stands at which slot of a training run, and the loader that walks the slots.

A slot is a place in the endless sequence of training samples: slot = step x global batch + place
in the batch. What stands there is a function of (seed, slot) alone, so ranks, workers, a kill and
a resume change nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.batch import Batch, collate
from datamodules.decode import start_worker
from datamodules.pairs import Pairs
from datamodules.sample import View
from datamodules.seeds import seed_for


def index_at(seed: int, slot: int, num_samples: int) -> int:
    """Return the index of the sample at a slot: a new permutation every `num_samples` slots."""
    cycle, place = divmod(slot, num_samples)
    return int(_permutation(seed, cycle, num_samples)[place])


@lru_cache(maxsize=4)
def _permutation(seed: int, cycle: int, num_samples: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed_for(seed, "order", cycle)).permutation(num_samples)


class SlotViews(Dataset[View]):
    """Training views addressed by slot.

    Args:
        pairs: Where the samples come from.
        seed: Root seed of the run; draw and augmentation of a slot are functions of it.
    """

    def __init__(self, pairs: Pairs, seed: int) -> None:
        self.pairs = pairs
        self.seed = seed

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, slot: int) -> View:
        index = index_at(self.seed, slot, len(self.pairs))
        return self.pairs.training_view(
            index, seed_for(self.seed, self.pairs.files[index].id, slot)
        )


class SlotBatches(Sampler[list[int]]):
    """One rank's batches of slots, from the first step that has not been taken yet.

    Args:
        num_samples: Size of the training set; an epoch is its whole number of global batches.
        batch_size: Global batch, over all ranks.
        rank: This process.
        world_size: Number of processes; divides `batch_size`.
        before_step: Called with the number of each step before its slots are handed out, in this
            process and no worker.

    Raises:
        ValueError: If the batch cannot be divided or is larger than the training set.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        rank: int,
        world_size: int,
        *,
        before_step: Callable[[int], None] | None = None,
    ) -> None:
        if batch_size % world_size:
            raise ValueError(
                f"batch_size {batch_size} is the global batch and must be a multiple of the "
                f"{world_size} processes"
            )
        if batch_size > num_samples:
            raise ValueError(
                f"batch_size {batch_size} is larger than the training set of {num_samples}: "
                "lower data.batch_size"
            )
        self.batch_size = batch_size
        self.share = batch_size // world_size
        self.offset = rank * self.share
        self.num_steps = num_samples // batch_size
        self.before_step = before_step
        self.steps_taken = 0

    def __len__(self) -> int:
        return self.num_steps

    def __iter__(self) -> Iterator[list[int]]:
        # The loader's workers run ahead of training, so the walk counts for itself.
        for step in range(self.steps_taken, self.steps_taken + self.num_steps):
            if self.before_step is not None:
                self.before_step(step)
            first = step * self.batch_size + self.offset
            yield list(range(first, first + self.share))


class SlotLoader(DataLoader[View]):
    """Walks the slots of a run and remembers how far training has come.

    Lightning stores `state_dict` in the checkpoint, from rank 0 only: the state is therefore the
    number of steps taken, which is the same on all ranks.

    Args:
        views: The training views, addressed by slot.
        slots: This rank's batches of slots.
        num_workers: Worker processes.
        pin_memory: Whether batches are copied to pinned memory.
        drawn_from: Digest of what each folder beside the training set holds, by its path.
    """

    def __init__(
        self,
        views: Dataset[View],
        *,
        slots: SlotBatches,
        num_workers: int,
        pin_memory: bool,
        drawn_from: Mapping[str, str] = {},
    ) -> None:
        super().__init__(
            views,
            batch_sampler=slots,
            num_workers=num_workers,
            collate_fn=collate,
            worker_init_fn=start_worker,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
        )
        self.slots = slots
        self.drawn_from = dict(drawn_from)
        self.last_wait = 0.0
        """Seconds that training waited for the latest batch."""

    # DataLoader is declared to yield Any; the collate function decides.
    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        start = perf_counter()
        for batch in super().__iter__():
            self.last_wait = perf_counter() - start
            self.slots.steps_taken += 1
            yield batch
            start = perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """Return how many steps of batches training has taken, and what it draws from."""
        return {"steps_taken": self.slots.steps_taken, "drawn_from": self.drawn_from}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the steps that `state` counts.

        A folder that is in one of both mixtures alone was added or left out on purpose.

        Raises:
            ValueError: If a folder holds other pairs than when `state` was written: most slots
                would hold another pair.
        """
        # checkpoints of before the digests were kept have none
        for folder, digest in state.get("drawn_from", {}).items():
            if self.drawn_from.get(folder, digest) != digest:
                raise ValueError(
                    f"{folder} holds other pairs than when the checkpoint was written: undo what "
                    "was added or rejected since, or start the run afresh; a set that changes "
                    "while training goes on belongs into the mixture's pools"
                )
        self.slots.steps_taken = state["steps_taken"]
