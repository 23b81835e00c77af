"""The slots of a mixture: real, made on the fly, or ready, as functions of (seed, slot)."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Protocol

import numpy as np
from torch.utils.data import Dataset

from datamodules.draws import index_at
from datamodules.mixture import Mixture
from datamodules.mixture_weighting import WeightedOrder
from datamodules.pairs import Pairs, resize_sample
from datamodules.pool_pairs import PoolPairs
from datamodules.problems import DatasetError
from datamodules.sample import Sample, View
from datamodules.seeds import seed_for
from datamodules.synthesis import Synthesised, SynthesisError

ATTEMPTS = 3
"""Seeds that are tried before a slot takes the real pair."""


class ReadyMember(Protocol):
    """What is drawn from as it stands."""

    def __len__(self) -> int: ...

    @property
    def ids(self) -> Sequence[str]:
        """Ids of the pairs, in their order."""
        ...

    def training_view(self, index: int, seed: int) -> View:
        """Return a pair as training sees it, a function of `index` and `seed` alone."""
        ...


class MixtureViews(Dataset[View]):
    """Training views addressed by slot, some of them synthetic.

    Whether a slot is synthetic, by which member, and every pixel of it follow from (seed, slot),
    and with pools from their logs. A real slot holds the pair that it would hold without the
    mixture, and so does one for which a pool has none left; a slot made on the fly holds an edit of
    that pair. All are under the augmentation that they would have without it.

    Args:
        pairs: The real training pairs.
        mixture: The recipe.
        ready: Pairs of each of ``mixture.ready``, then of ``mixture.sets``, in that order.
        held_out: Ids of validation and test: nothing is made of them.
        seed: Root seed of the run.
        batch_size: Global batch: slots of one batch have one share.
        num_batches: Length of the run; None where the share does not depend on it.
        pools: Pairs of each of ``mixture.pools``, in that order.

    Raises:
        DatasetError: If an id of `pairs` or `ready` is held out.
        ValueError: If `num_batches` is needed and missing.
    """

    def __init__(
        self,
        pairs: Pairs,
        mixture: Mixture,
        *,
        ready: Sequence[ReadyMember],
        held_out: Collection[str],
        seed: int,
        batch_size: int,
        num_batches: int | None,
        pools: Sequence[PoolPairs] = (),
    ) -> None:
        if num_batches is None and mixture.needs_length:
            raise ValueError(
                "a share of synthetic pairs that changes over training needs the length of the "
                "run: set trainer.max_steps"
            )
        for member in (pairs, *ready):
            _refuse(held_out, member.ids)
        self.pairs = pairs
        self.mixture = mixture
        self.ready = list(ready)
        self.pools = list(pools)
        self.seed = seed
        self.batch_size = batch_size
        self.num_batches = num_batches
        self._order = None
        if mixture.weighting is not None:
            self._order = WeightedOrder(mixture.weighting.weights(pairs), seed)
        self._training_ids = {files.id for files in pairs.files}
        members = [folder.weight for folder in mixture.ready]
        members += [made.weight for made in mixture.sets]
        members += [pool.weight for pool in mixture.pools]
        weights = [1.0 if mixture.synthesis else 0.0, *members]
        self._member_edges = np.cumsum(weights[:-1]) / sum(weights)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, slot: int) -> View:
        index = self._index_at(slot)
        member = self._member_at(slot) if self.is_synthetic(slot) else None
        if member == 0:
            return self._made_view(index, slot)
        view = None if member is None else self._finished_view(member - 1, slot)
        if view is None:
            return self.pairs.training_view(index, self._seed_at(self.pairs, index, slot))
        return replace(view, is_synthetic=True)

    def drawn_from(self) -> dict[str, str]:
        """Return sha256 over the ids of each folder of ready pairs and each set, by its path.

        The slots of such a member are a function of them. What a pool gives is in its log.
        """
        members = [*self.mixture.ready, *self.mixture.sets]
        return {
            str(member.root): sha256("\n".join(pairs.ids).encode()).hexdigest()
            for member, pairs in zip(members, self.ready, strict=True)
        }

    def share_at(self, slot: int) -> float:
        """Return the expected share of synthetic pairs in the batch of a slot."""
        if self.num_batches is None:
            return self.mixture.share_at(0.0)
        # the first batch is at progress 0 and the last one at 1
        return self.mixture.share_at(slot // self.batch_size / max(1, self.num_batches - 1))

    def is_synthetic(self, slot: int) -> bool:
        """Return whether the pair at a slot is to be a synthetic one."""
        return seed_for(self.seed, "synthetic", slot) / 2**63 < self.share_at(slot)

    def is_made(self, slot: int) -> bool:
        """Return whether the pair at a slot is to be made on the fly."""
        return self.is_synthetic(slot) and self._member_at(slot) == 0

    def asks_pool(self, slot: int, pool: int) -> bool:
        """Return whether the pair at a slot is to come from one of `pools`, by its number."""
        return self.is_synthetic(slot) and self._member_at(slot) == 1 + len(self.ready) + pool

    def synthesised_at(self, slot: int) -> Synthesised:
        """Return what is made at a slot where `is_made`, before the augmentation.

        Raises:
            DatasetError: If the pair does not name training pairs as its parents.
            DecodeError: If a file cannot be decoded.
        """
        return self._synthesised(self._index_at(slot), slot)

    def _member_at(self, slot: int) -> int:
        """Return 0 for pairs made on the fly, else 1 + the number of ready ones or of a pool."""
        place = seed_for(self.seed, "member", slot) / 2**63
        return int(np.searchsorted(self._member_edges, place, side="right"))

    def _index_at(self, slot: int) -> int:
        if self._order is None:
            return index_at(self.seed, slot, len(self.pairs))
        return self._order.index_at(slot)

    def _seed_at(self, pairs: ReadyMember, index: int, slot: int) -> int:
        return seed_for(self.seed, pairs.ids[index], slot)

    def _finished_view(self, member: int, slot: int) -> View | None:
        """Return what a folder, a set or a pool has for a slot; None where a pool has nothing."""
        if member >= len(self.ready):
            return self.pools[member - len(self.ready)].training_view(slot, self.seed)
        pairs = self.ready[member]
        index = index_at(seed_for(self.seed, "ready", member), slot, len(pairs))
        return pairs.training_view(index, self._seed_at(pairs, index, slot))

    def _made_view(self, index: int, slot: int) -> View:
        """Synthesise from a pair, or return the pair itself and why nothing came of it."""
        done = self._synthesised(index, slot)
        seed = self._seed_at(self.pairs, index, slot)
        if done.made is None:
            return replace(self.pairs.training_view(index, seed), failure=done.failure)
        return replace(self.pairs.view_of(done.made, done.size, seed), is_synthetic=True)

    def _synthesised(self, index: int, slot: int) -> Synthesised:
        assert self.mixture.synthesis is not None
        sample, size = self.pairs.training_sample(index)
        draw_other = partial(self._draw_other, index, sample)
        reasons = []
        for attempt in range(ATTEMPTS):
            seed = seed_for(self.seed, sample.id, slot, "synthesis", attempt)
            try:
                made = self.mixture.synthesis.synthesise(sample, seed, draw_other)
                _require_object(made)
            except SynthesisError as error:
                reasons.append(str(error))
                continue
            self._require_training_parents(made)
            return Synthesised(source=sample, size=size, made=made)
        failure = "; ".join(dict.fromkeys(reasons))
        return Synthesised(source=sample, size=size, failure=failure)

    def _draw_other(self, index: int, sample: Sample, seed: int) -> Sample:
        """Return a training sample that is not `index`, unless there is only one."""
        others = max(1, len(self.pairs) - 1)
        step = 1 + seed_for(seed, "other") % others
        other, _ = self.pairs.training_sample((index + step) % len(self.pairs))
        return resize_sample(other, (sample.mask.shape[0], sample.mask.shape[1]))

    def _require_training_parents(self, made: Sample) -> None:
        parents = set(made.provenance.parents)
        if not parents or not parents <= self._training_ids:
            raise DatasetError(
                f"{made.id} names {sorted(parents) or 'nothing'} as what it was made from: a "
                "synthesis must name its sources, and only training pairs may be among them"
            )


def _require_object(made: Sample) -> None:
    # the rule of the data set's check: foreground is what is more than half covered
    if int(made.mask.max()) <= 127:
        raise SynthesisError("the mask became empty")


def _refuse(held_out: Collection[str], ids: Sequence[str]) -> None:
    leaked = sorted(set(held_out).intersection(ids))
    if leaked:
        raise DatasetError(
            f"{len(leaked)} of the pairs to synthesise from are in validation or test, {leaked[0]} "
            "for one: use different folders for data.splits.train, val and test"
        )
