"""Edits and a painter put together: a new pair of a training pair, for the mixture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from datamodules.sample import Sample
from datamodules.seeds import seed_for
from datamodules.synthesis import DrawOther, SynthesisError
from generation.edits.edit import Edit, WarpEdit
from generation.edits.extent import HALF
from generation.filters.filter import Filter
from generation.painters.painter import Painter, PaintError
from generation.warp_chain import identity, then


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Edits that are made in turn, and how often this is chosen.

    Args:
        edits: First to last, as a rigid and a non-rigid one. None at all keeps the mask: with a
            painter the object then gets another background.
        weight: Relative to the other chains.

    Raises:
        ValueError: If the weight is not above 0.
    """

    edits: Sequence[Edit]
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError(f"chain of edits: weight {self.weight} must be above 0")


class EditedPairs:
    """Makes a pair of a pair: chooses a chain of edits, makes them, paints, judges.

    Without a painter the photo moves with the mask, background and all, which leaves no seam. A
    `datamodules.synthesis.PairSynthesis`.

    Args:
        chains: One of them is chosen by weight for each pair.
        painter: Makes the image of the edited mask from the photo; its edits must move pixels
            (`WarpEdit`).
        new_background: Share of the painted pairs that take the background of another training
            photo.
        filters: Asked in turn about each finished pair; one that rejects it is a failure.

    Raises:
        ValueError: If there is no chain, `new_background` is out of [0, 1] or needs a painter, a
            chain without edits has no painter, or a painter is given edits without a map.

    Example:
        >>> from generation.edits.diffeomorphism import Diffeomorphism
        >>> pairs = EditedPairs([Chain(edits=[Diffeomorphism(strength=0.05, scale=0.4)])])
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        *,
        painter: Painter | None = None,
        new_background: float = 0.0,
        filters: Sequence[Filter] = (),
    ) -> None:
        _check(chains, painter, new_background)
        self.chains = list(chains)
        self.painter = painter
        self.new_background = new_background
        self.filters = list(filters)
        weights = [chain.weight for chain in chains]
        self._edges = np.cumsum(weights[:-1]) / sum(weights)

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        """Return an edited pair, a function of the arguments alone.

        Raises:
            SynthesisError: If an edit leaves nothing of the object, the painter gives up, or a
                filter rejects the pair.
        """
        made = self._made(sample, seed, draw_other)
        for judge in self.filters:
            rejection = judge(made)
            if rejection is not None:
                raise SynthesisError(f"{rejection.filter}: {rejection.reason}")
        return made

    def _made(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        chain = self.chains[int(np.searchsorted(self._edges, _place(seed, "chain"), side="right"))]
        if self.painter is None:
            made = sample
            for number, edit in enumerate(chain.edits):
                made = _with_object(edit(_with_object(made), seed_for(seed, "edit", number)))
            return _child_of(made, [sample], made.provenance.edits)
        return self._painted(sample, chain, self.painter, seed, draw_other)

    def _painted(
        self, sample: Sample, chain: Chain, painter: Painter, seed: int, draw_other: DrawOther
    ) -> Sample:
        made, warp = sample, identity(sample.mask.shape[0], sample.mask.shape[1])
        for number, edit in enumerate(chain.edits):
            edit_seed = seed_for(seed, "edit", number)
            assert _moves_pixels(edit)  # or it would not have been taken
            step = edit.field(_with_object(made), edit_seed)
            # not through the identity: it ends at the border, where a warp may lead beyond
            warp = then(warp, step) if number else step
            made = _with_object(edit.moved(made, step, edit_seed, with_photo=False))
        background = None
        # without an edit the pair would be the photo itself
        if not chain.edits or _place(seed, "new background") < self.new_background:
            background = draw_other(seed_for(seed, "background"))
        try:
            painted = painter.paint(
                sample,
                made,
                warp=warp,
                background=background,
                seed=seed_for(seed, "paint"),
            )
        except PaintError as error:
            raise SynthesisError(f"not painted: {error}") from error
        edits = (*made.provenance.edits, painted.provenance.source)
        return _child_of(painted, [sample, *([] if background is None else [background])], edits)


def _check(chains: Sequence[Chain], painter: Painter | None, new_background: float) -> None:
    if not chains:
        raise ValueError("edited pairs: give at least one chain of edits")
    if not 0 <= new_background <= 1:
        raise ValueError(f"edited pairs: new_background {new_background} must be in [0, 1]")
    if painter is None and new_background:
        raise ValueError(f"edited pairs: new_background {new_background} needs a painter")
    if painter is None and not all(chain.edits for chain in chains):
        raise ValueError("edited pairs: a chain without edits needs a painter, or nothing changes")
    edits = [edit for chain in chains for edit in chain.edits]
    if painter is not None and not all(_moves_pixels(edit) for edit in edits):
        names = ", ".join(type(edit).__name__ for edit in edits if not _moves_pixels(edit))
        raise ValueError(f"edited pairs: {names} has no map of pixels for a painter to follow")


def _place(seed: int, choice: str) -> float:
    return seed_for(seed, choice) / 2**63


def _with_object(sample: Sample) -> Sample:
    if int(sample.mask.max()) < HALF:
        raise SynthesisError("nothing of the object is left")
    return sample


def _moves_pixels(edit: Edit) -> TypeGuard[WarpEdit]:
    return hasattr(edit, "field")


def _child_of(made: Sample, sources: Sequence[Sample], edits: tuple[str, ...]) -> Sample:
    """Name the training pairs as parents; what was made on the way from them is kept nowhere."""
    parents = tuple(dict.fromkeys(source.id for source in sources))
    return replace(made, provenance=replace(made.provenance, parents=parents, edits=edits))
