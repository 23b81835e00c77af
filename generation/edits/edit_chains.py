"""EditChains: each draft of a shard goes through one of several chains of edits on the device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from datamodules.generation_result import Rejected
from datamodules.sample import Sample
from datamodules.seeds import seed_for
from generation.edits.batch_edit import BatchEdit
from generation.filters.topology import KeptTopology


@dataclass(frozen=True, kw_only=True)
class NamedChain:
    """Edits that are made in turn, and how often this is chosen.

    Args:
        edits: Names of edits, first to last, as of a rigid and a non-rigid one. None at all keeps
            the mask.
        weight: Relative to the other chains.
        topology: Compares the mask that comes out with the one that went in, before it is painted.
            Null: any change is kept.

    Raises:
        ValueError: If the weight is not above 0.
    """

    edits: Sequence[str]
    weight: float = 1.0
    topology: KeptTopology | None = None

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError(f"chain of edits: weight {self.weight} must be above 0")


class EditChains(nn.Module):
    """Edits the masks of a shard: the first stage of MaskFactory (NeurIPS 2024).

    Edits have names, because several chains use one, whose networks are held once.

    Args:
        edits: By name.
        chains: One of them is chosen by weight for each draft, from its seed.
        batch_size: Drafts of a chain that are edited together. Batches follow from the shard alone.

    Raises:
        ValueError: If there is no chain, one names an edit that is not there, an edit is in none of
            them, or the batch size is below 1.
    """

    def __init__(
        self,
        edits: Mapping[str, BatchEdit],
        chains: Sequence[NamedChain],
        *,
        batch_size: int = 8,
    ) -> None:
        super().__init__()
        _check(edits, chains, batch_size)
        self.edits = dict(edits)
        self.chains = list(chains)
        self.batch_size = batch_size
        # listed, so that they move to the device
        self.nets = nn.ModuleList(e for e in self.edits.values() if isinstance(e, nn.Module))
        weights = [chain.weight for chain in chains]
        self._edges = np.cumsum(weights[:-1]) / sum(weights)

    def chain_of(self, seed: int) -> NamedChain:
        """Return the chain that a draft's seed chooses."""
        place = seed_for(seed, "chain") / 2**63
        return self.chains[int(np.searchsorted(self._edges, place, side="right"))]

    def edit(self, drafts: Sequence[Sample]) -> list[Sample | Rejected]:
        """Return each draft of a shard with its mask edited, or why not, in their order.

        Raises:
            ValueError: If a mask is of labels, or an edit did not return one result for each draft.
        """
        results: dict[int, Sample | Rejected] = {}
        chosen = [self.chain_of(draft.seed) for draft in drafts]
        for chain in self.chains:
            places = [place for place, each in enumerate(chosen) if each is chain]
            for place in places:
                results[place] = drafts[place]
            for number, name in enumerate(chain.edits):
                self._edit(results, places, name, number)
            for place in places:
                results[place] = _compared(drafts[place], results[place], chain.topology)
        return [results[place] for place in range(len(drafts))]

    def _edit(
        self, results: dict[int, Sample | Rejected], places: Sequence[int], name: str, number: int
    ) -> None:
        """Replace what is at some places by its edit; what was rejected before stays."""
        left = {k: found for k in places if isinstance(found := results[k], Sample)}
        keys = list(left)
        for start in range(0, len(keys), self.batch_size):
            batch = keys[start : start + self.batch_size]
            drafts = [left[k] for k in batch]
            made = self.edits[name].edit(drafts, [seed_for(d.seed, "edit", number) for d in drafts])
            wanted, got = ([each.id for each in some] for some in (drafts, made))
            if wanted != got:
                raise ValueError(
                    f"edit {name!r} returned {got} for drafts {wanted}: an edit must return one "
                    "result for each, in their order and under their ids"
                )
            results.update(zip(batch, made, strict=True))


def _compared(
    source: Sample, found: Sample | Rejected, topology: KeptTopology | None
) -> Sample | Rejected:
    if topology is None or isinstance(found, Rejected):
        return found
    rejection = topology.compare(source, found)
    return found if rejection is None else Rejected(found.id, rejection.filter, rejection.reason)


def _check(edits: Mapping[str, BatchEdit], chains: Sequence[NamedChain], batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size of edits is {batch_size}: give 1 or more")
    if not chains:
        raise ValueError("edits: give at least one chain")
    used = {name for chain in chains for name in chain.edits}
    if unknown := sorted(used - set(edits)):
        raise ValueError(f"chain of edits names {unknown}: choose from {sorted(edits)}")
    if unused := sorted(set(edits) - used):
        raise ValueError(f"edits {unused} are in no chain: name them in one, or leave them out")
