"""Captions: prompts for pairs that there are already, to train diffusion models on."""

from collections.abc import Sequence
from string import Formatter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.seeds import seed_for
from generation.objects import CLASSES
from generation.prompts.seen_words import colour_words, shape_words
from generation.prompts.templates import SHAPED, SHAPES, SLOTS, VARIED, TemplatePrompts
from generation.prompts.wording import spoken

Pixels = NDArray[np.uint8]


class Captions(Protocol):
    """Says what a pair shows, in the words in which a painter or an edit will be asked for it."""

    @property
    def texts(self) -> Sequence[str]:
        """Texts that hold all words of all captions."""
        ...

    def __call__(self, class_name: str, image: Pixels, mask: Pixels, seed: int) -> str:
        """Return one line of text, a function of the arguments alone.

        Args:
            class_name: As a sample has it, ``"Table"``.
            image: ``(H, W, 3)`` RGB.
            mask: ``(H, W)`` coverage.
            seed: Of the choice of words.
        """
        ...


class PhotoCaptions:
    """Says "A photo of a red chair in a garden", in the sentences of `VARIED`.

    Class and colour are those of the pair, see `colour_words`. Place and light are drawn at random,
    as nothing in it tells them: the model learns that they say nothing.

    Args:
        class_names: That will be met.
    """

    def __init__(self, class_names: Sequence[str] = tuple(CLASSES)) -> None:
        self.class_names = tuple(class_names)
        self._plain = TemplatePrompts(VARIED[:2])
        materials = SLOTS["material"]
        self._of = {
            word: TemplatePrompts(VARIED, {**SLOTS, "material": [word]}) for word in materials
        }

    @property
    def texts(self) -> Sequence[str]:
        """See `Captions`."""
        slots = [word for words in SLOTS.values() for word in words]
        return [*_literals(VARIED), *map(spoken, self.class_names), *slots]

    def __call__(self, class_name: str, image: Pixels, mask: Pixels, seed: int) -> str:
        """Return a sentence, see `Captions`."""
        words = colour_words(image, mask)
        prompts = self._of[_drawn(words, seed)] if words else self._plain
        return prompts(class_name, seed)


class ShapeCaptions:
    """Says "a round table": the class, and a word for its shape, see `shape_words`.

    Args:
        class_names: That will be met.
        plain: Share of captions without such a word, "a table".
    """

    def __init__(self, class_names: Sequence[str] = tuple(CLASSES), *, plain: float = 0.3) -> None:
        self.class_names = tuple(class_names)
        self.plain = plain
        self._plain = TemplatePrompts(["{article} {class}"])
        self._of = {word: TemplatePrompts(SHAPED, {"shape": [word]}) for word in SHAPES["shape"]}

    @property
    def texts(self) -> Sequence[str]:
        """See `Captions`."""
        return [*_literals(SHAPED), *map(spoken, self.class_names), *SHAPES["shape"]]

    def __call__(self, class_name: str, image: Pixels, mask: Pixels, seed: int) -> str:
        """Return a few words, see `Captions`; the image is not looked at."""
        words = shape_words(mask)
        if not words or seed_for(seed, "plain") / 2**63 < self.plain:
            return self._plain(class_name, seed)
        return self._of[_drawn(words, seed)](class_name, seed)


def _literals(templates: Sequence[str]) -> list[str]:
    """Return the words around the slots, and the articles."""
    parts = [literal for text in templates for literal, *_ in Formatter().parse(text)]
    return ["a an", *parts]


def _drawn(words: Sequence[str], seed: int) -> str:
    return words[seed_for(seed, "word") % len(words)]
