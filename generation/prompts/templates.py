"""Prompts by filling in sentences; no weights, no network."""

import re
from collections.abc import Mapping, Sequence
from string import Formatter

from datamodules.seeds import seed_for
from generation.prompts.wording import article, spoken

PUBLISHED = ("A photo of {class}",)
"""The only prompt of MaskFactory's second stage (NeurIPS 2024, Fig. 2)."""
VARIED = (
    "A photo of {article} {class}",
    "A photo of {article} {class} {place}, {light}",
    "A photo of {article} {material} {class} {place}, {light}",
)
"""The published prompt with slots, as every pair of a class would else ask for the same image."""
SLOTS: Mapping[str, Sequence[str]] = {
    "material": (
        "wooden", "metal", "plastic", "aged", "brand-new", "painted", "brass", "iron", "white",
        "black", "red", "blue", "green", "yellow", "weathered", "polished",
    ),
    "place": (
        "in a living room", "in a workshop", "in a garden", "on a street", "in a park",
        "in a studio", "on a beach", "in a kitchen", "in front of a brick wall", "in an office",
        "in a market hall", "on a lawn", "in a courtyard", "in a forest clearing",
        "in front of a plain wall", "in a warehouse",
    ),
    "light": (
        "in soft daylight", "at golden hour", "under an overcast sky", "in hard noon light",
        "lit by a window", "in warm lamplight", "in studio light", "at dusk", "on a misty morning",
        "with long shadows",
    ),
}  # fmt: skip
SHAPED = ("{article} {shape} {class}",)
"""How MaskFactory asks for another shape: "a round table" (Fig. 2)."""
SHAPES: Mapping[str, Sequence[str]] = {
    "shape": (
        "round", "square", "tall", "low", "wide", "narrow", "slender", "sturdy", "curved",
        "angular", "long", "short", "large", "small", "oval", "bent",
    ),
}  # fmt: skip
_CLASS, _ARTICLE = "class", "article"


class TemplatePrompts:
    """Draws a template and fills it in. A `generation.prompts.prompts.Prompts`.

    A template names its slots by ``{name}``. ``{class}`` is the name of the class as it stands in
    a sentence, ``{article}`` its a or an with whatever stands before it, and nothing for a plural.
    Every slot is drawn apart from the others: a new slot or template leaves the others' draws.

    Args:
        templates: Drawn with equal chances. `PUBLISHED` is the paper's.
        slots: What may stand in each slot, in place of `SLOTS`, of which the materials suit things
            better than animals.

    Raises:
        ValueError: If a template is empty, names a slot that is not there or has anything else
            in braces, or if a slot is empty.

    Example:
        >>> prompts = TemplatePrompts(["A photo of {article} {metal} {class}"], {"metal": ["iron"]})
        >>> prompts("Table", seed=3)
        'A photo of an iron table'
    """

    def __init__(
        self,
        templates: Sequence[str] = VARIED,
        slots: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        slots = SLOTS if slots is None else slots
        _check_slots(slots)
        if isinstance(templates, str) or not templates:
            raise ValueError(f"templates are {templates!r}: give a list of one sentence or more")
        self.templates = tuple(templates)
        self.slots = {name: tuple(words) for name, words in slots.items()}
        for template in self.templates:
            _check_template(template, self.slots)

    def __call__(self, class_name: str, seed: int) -> str:
        """Return a prompt, a function of the arguments alone.

        Raises:
            ValueError: If there is no word in the name of the class.
        """
        noun = spoken(class_name)
        template = _drawn(self.templates, seed, "template")
        words = {name: _drawn(choices, seed, name) for name, choices in self.slots.items()}
        words[_CLASS] = noun
        text = ""
        for literal, field, *_ in reversed(list(Formatter().parse(template))):
            if field == _ARTICLE:  # follows from the words after it
                text = article(text.lstrip(), noun) + text
            elif field is not None:
                text = words[field] + text
            text = literal + text
        return " ".join(text.split())


class ShapePrompts(TemplatePrompts):
    """Asks an edit for another shape of the object, "a round table".

    For an edit of masks the sentence may say what the picture is: MaskFactory's notebook writes
    "A binary image of" before it.

    Args:
        templates: See `TemplatePrompts`.
        slots: See `TemplatePrompts`.

    Raises:
        ValueError: See `TemplatePrompts`.

    Example:
        >>> ShapePrompts(slots={"shape": ["round"]})("Table", seed=0)
        'a round table'
    """

    def __init__(
        self,
        templates: Sequence[str] = SHAPED,
        slots: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(templates, SHAPES if slots is None else slots)


def _drawn(choices: Sequence[str], seed: int, name: str) -> str:
    return choices[seed_for(seed, "prompt", name) % len(choices)]


def _check_slots(slots: Mapping[str, Sequence[str]]) -> None:
    for name, words in slots.items():
        if name in {_CLASS, _ARTICLE} or not re.fullmatch(r"[A-Za-z]\w*", name):
            raise ValueError(f"slot {name!r} cannot have this name: take another word for it")
        if not words or isinstance(words, str):
            raise ValueError(f"slot {name!r} has no words to draw from: give it a list of texts")


def _check_template(template: str, slots: Mapping[str, Sequence[str]]) -> None:
    known = f"{', '.join(f'{{{name}}}' for name in (_CLASS, _ARTICLE, *slots))}"
    try:
        fields = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"template {template!r}: {error}; braces hold one of {known}") from error
    for _, field, form, conversion in fields:
        if field is not None and (field not in {_CLASS, _ARTICLE, *slots} or form or conversion):
            raise ValueError(
                f"template {template!r} has {{{field}}}, which is no slot: name one of {known}, "
                "or add the slot with its words"
            )
    if not template.strip():
        raise ValueError(f"template {template!r} is empty: write a sentence like {PUBLISHED[0]!r}")
