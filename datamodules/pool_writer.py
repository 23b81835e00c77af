"""Rank 0's part of a pool: which of its pairs go to which slots, logged ahead of training."""

import warnings
from collections.abc import Callable
from functools import cached_property
from time import monotonic

import numpy as np

from datamodules.generation_plan import PLAN, read_plan
from datamodules.held_out import HeldOut
from datamodules.pool import Pool
from datamodules.pool_log import NONE_LEFT, Block, LoggedShard, Numbers, PoolLog, append, as_lines
from datamodules.pool_log import mend as mend_log
from datamodules.pool_rejections import PoolRejections
from datamodules.seeds import seed_for
from datamodules.set_leaks import parents_of
from datamodules.shards import SHARDS, ShardReader, published_shards


def allotted(counts: Numbers, num_slots: int, *, max_echo: int, seed: int) -> Numbers:
    """Return which pairs stand at so many slots, a function of the arguments alone.

    Each pair puts one ticket for each draw that it has left into a bag, and the slots take tickets
    from it: new pairs are drawn more often and never alone. Where there are fewer tickets than
    slots, chance decides which slots go without.

    Args:
        counts: ``(N,)``, how often each pair was drawn before.
        num_slots: How many pairs are asked for.
        max_echo: How often a pair is drawn at most.
        seed: Of the choice.

    Returns:
        ``(num_slots,)``, the number of a pair in [0, N), or `NONE_LEFT`.
    """
    tickets = np.repeat(np.arange(len(counts)), np.maximum(0, max_echo - counts))
    num = min(num_slots, len(tickets))
    random = np.random.default_rng(seed)
    pairs = np.full(num_slots, NONE_LEFT, np.int64)
    places = random.permutation(num_slots)[:num]
    pairs[places] = random.choice(tickets, num, replace=False)
    return pairs


class PoolWriter:
    """Logs what the slots of a pool hold, blocks of `Pool.every` batches ahead of training.

    Only what it finds in the folder depends on time. What it makes of that is a function of the
    seed and of the log, so that a run which was killed goes on as if it had not been.

    Args:
        pool: The pool.
        log: Its log, to be written by this object alone.
        wants: Whether a slot asks for a pair of the pool.
        held_out: Validation and test photos.
        seed: Of all choices.
        batch_size: Global batch.
    """

    def __init__(
        self,
        pool: Pool,
        log: PoolLog,
        *,
        wants: Callable[[int], bool],
        held_out: HeldOut,
        seed: int,
        batch_size: int,
    ) -> None:
        self.pool = pool
        self.log = log
        self.wants = wants
        self.held_out = held_out
        self.seed = seed
        self.batch_size = batch_size
        mend_log(log.path)
        log.read()
        self._seen = {shard.id for shard in log.shards}
        self._rejections = PoolRejections(pool.root, log)
        self._told: set[str] = set()  # what was warned of, once
        self._latest = monotonic()
        self._is_warned = False

    def reach(self, step: int) -> None:
        """See that the slots of a step are decided, and those of `Pool.every` further steps.

        Raises:
            OSError: If the log cannot be written.
        """
        every = self.pool.every
        if self.log.before >= (step + 1 + every) * self.batch_size:
            return
        rejected = self._new_rejections()
        shards = self._new_shards()
        # blocks begin at multiples of their length, so that no stop moves them; a log that begins
        # or was lost in mid-run has nothing to say of the steps before
        first = max(self.log.before, step // every * every * self.batch_size)
        while first < (step + 1 + every) * self.batch_size:
            self._write(shards, rejected, first)
            shards, rejected = [], []
            first = self.log.before

    def _write(self, shards: list[LoggedShard], rejected: list[int], first: int) -> None:
        before = first + self.pool.every * self.batch_size
        slots = np.array([slot for slot in range(first, before) if self.wants(slot)], np.int64)
        num_new = sum(len(shard.places) for shard in shards)
        counts = np.where(self.log.is_rejected, self.pool.max_echo, self.log.counts)
        counts[rejected] = self.pool.max_echo  # as if they had been drawn as often as they may
        pairs = allotted(
            np.concatenate([counts, np.zeros(num_new, np.int64)]),
            len(slots),
            max_echo=self.pool.max_echo,
            seed=seed_for(self.seed, "pool", first),
        )
        block = Block(first, before, slots, pairs)
        append(self.log.path, as_lines(shards, block, rejected=rejected))
        self.log.read()

    def _new_rejections(self) -> list[int]:
        try:
            return self._rejections.read()
        except (OSError, ValueError) as error:  # a list may be half written
            self._warn_once(f"the reject lists of pool {self.pool.root} do not count yet: {error}")
            return []

    def _new_shards(self) -> list[LoggedShard]:
        new: list[LoggedShard] = []
        for name in published_shards(self.pool.root):
            if name in self._seen:
                continue
            try:
                new.append(self._logged(name))
            except (OSError, ValueError) as error:  # looked at again before the next block
                self._warn_once(f"{self.pool.root / SHARDS / name} is left out: {error}")
                continue
            self._seen.add(name)
        if new:
            self._latest, self._is_warned = monotonic(), False
        else:
            self._warn_of_silence()
        return new

    def _logged(self, name: str) -> LoggedShard:
        """Return what of a shard may be drawn.

        Raises:
            OSError: If its record cannot be read.
            ValueError: If that is broken, or the record of another shard.
        """
        reader = ShardReader(self.pool.root, name)
        if reader.done["shard"] != name:
            raise ValueError(f"it holds shard {reader.done['shard']}")
        leaked: list[str] = []
        places: list[int] = []
        for place, (id, pair) in enumerate(zip(reader.ids, reader.pairs, strict=True)):
            sources = self.held_out.sources(id, parents_of(pair))
            if sources:
                split = self.held_out.splits[sources[0]]
                leaked.append(f"{id} from {sources[0]}, which is in {split}")
            elif id not in self._rejections.ids:
                places.append(place)
        if leaked:
            _warn(
                f"{reader.folder}: {len(leaked)} pairs left out that show what is held out: "
                f"{leaked[0]}, for one. Make the set anew: only training pairs may be edited"
            )
        return LoggedShard(name, str(reader.done["sha256"]), tuple(places))

    def _warn_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            _warn(message)

    def _warn_of_silence(self) -> None:
        silence = monotonic() - self._latest
        if self._is_warned:
            return
        where = f"pool {self.pool.root}"
        if self._is_complete():
            what = f"all {len(self._seen)} shards are published"
        elif silence > self.pool.patience:
            what = f"no new shard for {silence:.0f} s, {len(self._seen)} so far"
        else:
            return
        self._is_warned = True
        _warn(
            f"{where}: {what}; training goes on with what is there, each pair up to "
            f"{self.pool.max_echo} times, and with real pairs after that"
        )

    def _is_complete(self) -> bool:
        # the plan may not be there yet; once it is, it does not change
        is_planned = bool(self._seen) and (self.pool.root / PLAN).is_file()
        return is_planned and len(self._seen) == self._num_shards

    @cached_property
    def _num_shards(self) -> int:
        return len(read_plan(self.pool.root).shards)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)
