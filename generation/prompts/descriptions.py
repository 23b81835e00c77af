"""Descriptions of scenes with one or two classes, to paint images from that are labelled later."""

import re
from collections.abc import Sequence
from typing import Protocol

from datamodules.seeds import seed_for
from datamodules.vocabulary import Mention, Vocabulary, qualifier_length
from generation.prompts.templates import SLOTS
from generation.prompts.wording import article, spoken

NOTHING = "nothing"
"""What MagicSeg's code writes in place of a class for the counterfactual."""
ATTRIBUTES = (
    "small", "large", "old", "new", "red", "blue", "green", "yellow", "white", "dark", "colourful",
    "shiny", "dusty", "plain", "unusual", "beautiful",
)  # fmt: skip
SURROUNDINGS = (
    "with rows of arches behind", "between marble columns", "among autumn foliage",
    "with mist drifting behind", "before peeling paint", "on patterned tiles",
    "with tangled ivy around", "beside heaps of rubble", "with cliffs in the distance",
    "under falling confetti", "with puddles all around", "before colourful graffiti",
)  # fmt: skip
"""Backgrounds that are not monotonous, the first of MagicSeg's four demands.

No list of names that comes with the code has one of these: it would be painted, and not labelled.
"""
_RELATIONS = ("next to", "behind", "in front of", "to the left of", "to the right of")
_OPENINGS = ("A photo of", "A detailed photograph of", "A wide shot of", "A close view of")


class Descriptions(Protocol):
    """Writes descriptions of scenes that show given classes."""

    @property
    def models(self) -> tuple[str, ...]:
        """What wrote them, as `datamodules.sample.Provenance.models` names networks."""
        ...

    @property
    def licence(self) -> str:
        """Of the texts, an SPDX expression; empty where unknown."""
        ...

    def many(
        self, groups: Sequence[tuple[str, ...]], seeds: Sequence[int], count: int
    ) -> list[list[str]]:
        """Return up to `count` lines of text, at least one, for each group of class names.

        A function of the arguments and of what a cache holds. Each line names all of its classes.

        Args:
            groups: One or two names each, as they stand in a sentence.
            seeds: Of each group.
            count: Lines that are wanted of a group.

        Raises:
            PromptError: If there is none to be had.
        """
        ...


class TemplateDescriptions:
    """Descriptions put together from lists of words; no weights. A `Descriptions`.

    Each has something around its objects, a place, a light and an attribute of each object, all
    drawn apart: the four demands of MagicSeg (`generation.prompts.descriptions_model`) as far as
    sentences without a model can meet them.

    Args:
        attributes: What is said of an object.
        surroundings: What stands around.

    Raises:
        ValueError: If a list is empty.

    Example:
        >>> TemplateDescriptions(["red"], ["in fog"]).many([("cat",)], [1], 1)
        [['A detailed photograph of a red cat on a lawn in fog, with long shadows']]
    """

    def __init__(
        self,
        attributes: Sequence[str] = ATTRIBUTES,
        surroundings: Sequence[str] = SURROUNDINGS,
    ) -> None:
        if not attributes or not surroundings or isinstance(attributes, str | bytes):
            raise ValueError("attributes and surroundings: give lists of one text or more each")
        self.attributes = tuple(attributes)
        self.surroundings = tuple(surroundings)

    @property
    def models(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def licence(self) -> str:
        """Of this code."""
        return "Apache-2.0"

    def many(
        self, groups: Sequence[tuple[str, ...]], seeds: Sequence[int], count: int
    ) -> list[list[str]]:
        """Return `count` descriptions of each group, see `Descriptions`.

        Raises:
            ValueError: If there is no word in a name.
        """
        return [
            [self._one(names, seed_for(seed, "description", number)) for number in range(count)]
            for names, seed in zip(groups, seeds, strict=True)
        ]

    def _one(self, names: tuple[str, ...], seed: int) -> str:
        objects = [
            self._noun(name, _drawn(self.attributes, seed, f"attribute {place}"))
            for place, name in enumerate(names)
        ]
        relation = _drawn(_RELATIONS, seed, "relation")
        what = f" {relation} ".join(objects)
        around = _drawn(self.surroundings, seed, "surroundings")
        place, light = (_drawn(SLOTS[slot], seed, slot) for slot in ("place", "light"))
        return f"{_drawn(_OPENINGS, seed, 'opening')} {what} {place} {around}, {light}"

    @staticmethod
    def _noun(name: str, attribute: str) -> str:
        noun = spoken(name)
        return f"{article(attribute, noun)} {attribute} {noun}".strip()


def without_classes(text: str, class_names: Sequence[str], replacement: str = NOTHING) -> str:
    """Return a description in which another word stands for its classes.

    MagicSeg's code looks for the names as whole words, and so leaves "chairs" and "bus (vehicle)"
    where they are; here any inflection of a name or of what it is without its qualifier is found.

    Args:
        text: The description.
        class_names: As the vocabulary has them.
        replacement: Stands for each mention, with its article.

    Raises:
        ValueError: If the text does not mention one of the classes.

    Example:
        >>> without_classes("Two chairs and a bus", ["chair", "bus (vehicle)"])
        'Two nothing and nothing'
    """
    for mention in reversed(mentions_of(text, class_names)):
        before = re.sub(r"\b(?:an?|the)\s+$", "", text[: mention.start], flags=re.IGNORECASE)
        rest = text[mention.stop :]
        rest = rest[qualifier_length(rest, class_names[mention.index]) :]
        text = f"{before}{replacement}{rest}"
    return text


def mentions_of(text: str, class_names: Sequence[str]) -> list[Mention]:
    """Return where a description speaks of its classes, in order.

    Args:
        text: The description.
        class_names: As the vocabulary has them.

    Raises:
        ValueError: If the text does not mention one of the classes.
    """
    missing = unmentioned(text, class_names)
    if missing:
        raise ValueError(f"{text!r} does not mention {missing[0]!r}: describe it")
    return Vocabulary.of_names(class_names).mentions(text)


def unmentioned(text: str, class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the classes that a description does not mention, each by words of its own.

    Example:
        >>> unmentioned("A hot dog and two bows", ["dog", "hot dog", "bow (weapon)"])
        ('dog',)
    """
    found = {mention.index for mention in Vocabulary.of_names(class_names).mentions(text)}
    return tuple(name for place, name in enumerate(class_names) if place not in found)


def _drawn(choices: Sequence[str], seed: int, name: str) -> str:
    return choices[seed_for(seed, name) % len(choices)]
