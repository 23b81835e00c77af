"""Names of classes as the source of a generation run whose images are painted, then labelled."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TypeAlias

import torch

from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import seed_for
from datamodules.vocabulary import BACKGROUND, Vocabulary, VocabularyFiles, read_vocabulary
from generation.prompts.descriptions import Descriptions, unmentioned
from generation.prompts.distinct import DistinctTexts
from generation.prompts.other_mentions import OtherMentions

_Found: TypeAlias = dict[tuple[int, ...], DistinctTexts]
"""Descriptions by the places of their classes."""
_ROUNDS = 6  # in which enough descriptions must be found that are no near-duplicates


class NameDrafts:
    """Descriptions of scenes with classes of a list. A `datamodules.draft_source.DraftSource`.

    MagicSeg (TPAMI 2026): one class or two are drawn, described several times, and each description
    is painted. A draft has a prompt and the names that its labels will have, an empty image and an
    empty mask: a painter and a labeler fill them.

    What a draft shows is found by its names alone from then on. So a description is dropped that
    lacks one of its names, calls a class by a synonym, or mentions other classes of the list.

    Args:
        vocabulary: List of class names, see `datamodules.vocabulary.read_vocabulary`; of several
            lists, all classes.
        descriptions: Writes the texts.
        number: Of drafts. Null: `per_class` for each class.
        per_class: Drafts for each class where no number is given.
        classes: Those of the list that are used. Null: all.
        per_group: Descriptions that are asked for at once; 10 in MagicSeg.
        most_others: Classes of the list that a description may mention beside those drawn. They
            are classes of its draft like these: labelled, and gone in the counterfactual. A
            description that mentions more of the list, or what `classes` leaves out, is dropped.
        two_share: Of the groups, in [0, 1], that have two classes; 0.5 in MagicSeg.
        most_shared: Share of words above which two descriptions of a class count as the same, and
            the second is dropped.
        size: Height and width of the images in pixels.
        seed: Of the draws of classes and of the texts.

    Raises:
        ValueError: If the list cannot be read, a class is not in it, or a number is out of range.
    """

    def __init__(
        self,
        vocabulary: VocabularyFiles,
        descriptions: Descriptions,
        *,
        number: int | None = None,
        per_class: int = 80,
        classes: Sequence[str] | None = None,
        per_group: int = 10,
        most_others: int = 0,
        two_share: float = 0.5,
        most_shared: float = 0.8,
        size: int = 512,
        seed: int = 0,
    ) -> None:
        counts = (per_class, per_group, size, 1 if number is None else number)
        if min(counts) < 1 or not 0 <= two_share <= 1 or not 0 < most_shared <= 1:
            raise ValueError(
                f"number {number}, per_class {per_class}, per_group {per_group} and size {size} "
                f"must be 1 or more, two_share {two_share} in [0, 1] and most_shared "
                f"{most_shared} in (0, 1]"
            )
        if most_others < 0:
            raise ValueError(f"most_others {most_others} must be 0 or more")
        self._whole = read_vocabulary(vocabulary)
        self.vocabulary = chosen(self._whole, classes)
        self._whole_places = [self._whole.index(name) for name in self.vocabulary.names]
        if two_share > 0 and len(self.vocabulary) < 2:
            raise ValueError(f"two_share {two_share} of one class: give more classes, or 0")
        self.descriptions = descriptions
        self.number = per_class * len(self.vocabulary) if number is None else number
        self.per_group = per_group
        self.most_others = most_others
        self.two_share = two_share
        self.most_shared = most_shared
        self.size = size
        self.seed = seed
        self._scenes: list[_Scene] = []

    @property
    def class_names(self) -> Sequence[str]:
        """Of the list, each once."""
        return self.vocabulary.names

    def prepare(self) -> None:
        """Have the descriptions written, or find them in a cache; then nothing waits for them.

        Raises:
            PromptError: If they cannot be had.
            ValueError: If there are not enough that differ.
        """
        if self._scenes:
            return
        found: _Found = {}
        have = asked = 0
        for number in range(_ROUNDS):
            wanted = self.number - have
            if wanted <= 0:
                break
            # as many more as were dropped so far, but a round that gave few may be bad luck
            wanted = min(-(-wanted * asked // have) if have else wanted, 4 * wanted)
            asked += self._add_round(found, number, wanted)
            have = sum(map(len, found.values()))
        scenes = [_Scene(group, text) for group, kept in found.items() for text in kept.texts]
        if len(scenes) < self.number:
            raise ValueError(
                f"only {len(scenes)} of {self.number} descriptions of {len(self.vocabulary)} "
                "classes differ enough and mention no other class: lower number, raise most_shared "
                "or most_others, or give more classes"
            )
        # mixed, so that a run that is stopped early has seen all classes
        scenes.sort(key=lambda scene: seed_for(self.seed, "order", scene.text))
        self._scenes = scenes[: self.number]

    def fingerprint(self) -> str:
        """Return a hash of classes and descriptions."""
        names = self.vocabulary.names
        lines = [f"{[names[k] for k in scene.classes]} {scene.text}" for scene in self._scenes]
        return sha256("\n".join(lines).encode()).hexdigest()

    def keys(self) -> Sequence[str]:
        """Return the classes of each description with its number."""
        return [f"{self._slug(scene)}~{number}" for number, scene in enumerate(self._scenes)]

    def draft(self, key: str, seed: int) -> Sample:
        """Return a description with the names of what it mentions; image and mask are empty."""
        scene = self._scenes[int(key.rpartition("~")[2])]
        names = self.vocabulary.names
        return Sample(
            id=key,
            image=torch.zeros(3, self.size, self.size, dtype=torch.uint8),
            mask=torch.zeros(self.size, self.size, dtype=torch.uint8),
            mask_kind=MaskKind.LABELS,
            class_names=(BACKGROUND, *(names[k] for k in scene.classes)),
            prompt=scene.text,
            seed=seed,
            provenance=Provenance(
                source="names",
                licence=self.descriptions.licence,
                models=self.descriptions.models,
            ),
        )

    def _add_round(self, found: _Found, number: int, wanted: int) -> int:
        """Add descriptions to those that were found, and return how many were asked for."""
        count = -(-wanted // self.per_group)
        groups = self._groups(number, count)
        spoken = self.vocabulary.prompt_names()
        seeds = [seed_for(self.seed, "texts", number, place) for place in range(count)]
        texts = self.descriptions.many(
            [tuple(spoken[k] for k in group) for group in groups], seeds, self.per_group
        )
        for group, lines in zip(groups, texts, strict=True):
            for scene in self._usable(group, lines):
                found.setdefault(scene.classes, DistinctTexts(self.most_shared)).add(scene.text)
        return count * self.per_group

    def _usable(self, group: tuple[int, ...], texts: Sequence[str]) -> list["_Scene"]:
        """Return the descriptions of a group with all that they mention of the list."""
        others = OtherMentions(self._whole, [self._whole_places[k] for k in group])
        scenes = []
        for text in texts:
            if others.has_synonym(text):
                continue
            places = others(text)
            extra = [self._whole_places.index(k) for k in places if k in self._whole_places]
            scene = _Scene((*group, *extra), text)
            names = [self.vocabulary.names[k] for k in scene.classes]
            # one that is mentioned by a synonym, or within the name of another, is not named
            if len(places) == len(extra) <= self.most_others and not unmentioned(text, names):
                scenes.append(scene)
        return scenes

    def _groups(self, number: int, count: int) -> list[tuple[int, ...]]:
        """Return groups of one class or two; as the first, classes take turns in a drawn order."""
        num_classes = len(self.vocabulary)
        firsts: list[int] = []
        while len(firsts) < count:
            turn = len(firsts)
            firsts += sorted(
                range(num_classes), key=partial(seed_for, self.seed, "turn", number, turn)
            )
        groups: list[tuple[int, ...]] = []
        for place, first in enumerate(firsts[:count]):
            if seed_for(self.seed, "two", number, place) / 2**63 >= self.two_share:
                groups.append((first,))
            else:
                other = seed_for(self.seed, "other", number, place) % (num_classes - 1)
                groups.append((first, other + (other >= first)))
        return groups

    def _slug(self, scene: "_Scene") -> str:
        names = [self.vocabulary.names[k] for k in scene.classes]
        return "+".join(re.sub(r"\W+", "_", name).strip("_") for name in names)


@dataclass(frozen=True, slots=True)
class _Scene:
    classes: tuple[int, ...]
    text: str


def chosen(vocabulary: Vocabulary, classes: Sequence[str] | None) -> Vocabulary:
    """Return the classes that are named, in their order; all of them for None.

    Raises:
        ValueError: If one is unknown, or the list is empty.
    """
    if classes is None:
        return vocabulary
    if not classes:
        raise ValueError("classes is an empty list: name some of the vocabulary, or give null")
    return Vocabulary(tuple(vocabulary.classes[vocabulary.index(name)] for name in classes))
