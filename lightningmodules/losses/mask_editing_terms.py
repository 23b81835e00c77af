"""The terms of a mask editor's loss together, each with its weight and its switch.

Letters: S sources, each edited twice; H, W size of the masks.
"""

from dataclasses import dataclass

from torch import Tensor

from lightningmodules.losses.mask_editing import (
    adversarial,
    content,
    graphs_of,
    published_structure,
    sameness,
    structure,
)
from networks.mask_editor import MaskEdit


@dataclass(kw_only=True)  # not frozen: Lightning copies hyper-parameters field by field
class Weights:
    """Factor of each term of the editor's loss; 0 switches a term off.

    Args:
        adversarial: Published, 1.
        content: Published, 0.8.
        structure: Published, 0.5.
        diversity: Ours; keeps the latent code from being ignored.

    Raises:
        ValueError: If a factor is negative, or all are 0.
    """

    adversarial: float = 1.0
    content: float = 0.8
    structure: float = 0.5
    diversity: float = 0.2

    def __post_init__(self) -> None:
        factors = (self.adversarial, self.content, self.structure, self.diversity)
        if min(factors) < 0 or not any(factors):
            raise ValueError(f"{self}: give 0 or more, and one above 0, or nothing is learned")


def weighted_terms(
    weights: Weights,
    edit: MaskEdit,
    *,
    source: Tensor,
    strength: Tensor,
    logits: Tensor | None,
    num_points: int,
) -> dict[str, Tensor]:
    """Return the terms that are switched on, each times its weight; their sum is minimised.

    Args:
        weights: Of the terms.
        edit: Of `source`.
        source: ``(2 S, 1, H, W)`` float in [0, 1]: all sources, then all of them again.
        strength: ``(2 S,)`` float in [0, 1), what was asked for.
        logits: Of the discriminator on the edits, any shape. None where its weight is 0.
        num_points: Of the contour graphs, for edits by a flow.

    Returns:
        Scalars by the name of the weight.
    """
    terms = {}
    if logits is not None:
        terms["adversarial"] = weights.adversarial * adversarial(logits)
    if weights.content:
        terms["content"] = weights.content * content(edit.mask, source, strength)
    if weights.structure and edit.forward is None:
        terms["structure"] = weights.structure * published_structure(edit.mask, source)
    if weights.structure and edit.forward is not None:
        size = (source.shape[2], source.shape[3])
        found = structure(graphs_of(source, num_points), edit.forward, size)
        terms["structure"] = weights.structure * found
    if weights.diversity:
        change = edit.mask - source if edit.forward is None else edit.forward
        terms["diversity"] = weights.diversity * sameness(*change.chunk(2))
    return terms
