"""Which classes of a vocabulary a training step compares an image with.

MagicSeg (Cai et al., TPAMI 2026) draws for each image: the classes in it first, then others at
random up to a number, so a vocabulary of thousands costs what the number costs. There is no loop
over classes here. Letters: B samples; H, W the batch's size; V classes of the vocabulary; K drawn.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from datamodules.seeds import generator_for
from datamodules.vocabulary import Vocabulary

VOID = 255
"""Stored label of a pixel that nobody knows."""
_LABELS = 256


class VocabularyPlaces:
    """Where the labels of samples stand in a vocabulary; each list of names is looked up once.

    Args:
        vocabulary: V classes.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._known: dict[tuple[str, ...], Tensor] = {}

    def __call__(self, class_names: Sequence[tuple[str, ...]]) -> Tensor:
        """Return the class of each stored label, ``(B, 256)`` long; V where a label has none.

        Args:
            class_names: Of each sample; label k is name k, and name 0 the background.

        Raises:
            ValueError: If a name is none of the vocabulary's.
        """
        return torch.stack([self._row(names) for names in class_names])

    def _row(self, names: tuple[str, ...]) -> Tensor:
        if names not in self._known:
            row = torch.full((_LABELS,), len(self.vocabulary))
            row[1 : len(names)] = torch.tensor([self.vocabulary.index(name) for name in names[1:]])
            self._known[names] = row
        return self._known[names]


def draw_noise(seed: int, ids: Sequence[str], first_slot: int | None, num_classes: int) -> Tensor:
    """Return ``(B, V)`` float in [0, 1), each row a function of (seed, id, slot) alone.

    Args:
        seed: Of the run.
        ids: B names.
        first_slot: Place of the first sample in the run, the others follow it. None: the row
            depends on (seed, id) alone.
        num_classes: V.
    """
    slots = [-1 if first_slot is None else first_slot + k for k in range(len(ids))]
    generators = [
        generator_for(seed, "categories", id, slot) for id, slot in zip(ids, slots, strict=True)
    ]
    return torch.stack([torch.rand(num_classes, generator=g) for g in generators])


def sample_categories(mask: Tensor, places: Tensor, noise: Tensor, number: int) -> Tensor:
    """Return the classes drawn for each image, ``(B, K)`` long, K at most `number`.

    The classes in the image come first. Where they are more than `number`, some of them at random.

    Args:
        mask: ``(B, H, W)`` long, stored labels.
        places: ``(B, 256)`` long, see `VocabularyPlaces`.
        noise: ``(B, V)`` float in [0, 1), decides which others are drawn.
        number: At least 1.
    """
    # bincount would make a GPU wait for the CPU
    is_there = noise.new_zeros(len(mask), _LABELS).scatter(1, mask.flatten(1), 1.0)
    priority = F.pad(noise, (0, 1))
    priority = priority.scatter_add(1, places, is_there)
    return priority[:, :-1].topk(min(number, noise.shape[1]), dim=1).indices


def relabel(mask: Tensor, places: Tensor, chosen: Tensor, num_classes: int) -> Tensor:
    """Return for each pixel which of its image's drawn classes it is, ``(B, H, W)`` long.

    -1 is none of them: background, void, or a class that was not drawn.

    Args:
        mask: ``(B, H, W)`` long, stored labels.
        places: ``(B, 256)`` long, see `VocabularyPlaces`.
        chosen: ``(B, K)`` long, different classes in each row.
        num_classes: V.
    """
    number = torch.arange(chosen.shape[1], device=chosen.device).expand_as(chosen)
    none = chosen.new_full((len(chosen), num_classes + 1), -1)
    drawn_place = none.scatter(1, chosen, number).gather(1, places)
    return drawn_place.gather(1, mask.flatten(1)).view_as(mask)
