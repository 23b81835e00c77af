"""Names of classes as the text of a grounded detector, each with tokens of its own.

Published code asks for all names in one text and reads the phrase of a box from whatever tokens
light up, which gives phrases like "melon zucchini" that are no class. Here every token of the text
belongs to one class or to none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from datamodules.vocabulary import without_qualifier
from generation.prompts.wording import spoken

Tokenizer: TypeAlias = Any
"""A ``PreTrainedTokenizerBase``, which has no types for calls."""

NO_CLASS = -1
"""Owner of a token that separates phrases, begins or ends a text."""
_SEPARATORS = ".?"  # the network tells phrases apart by these


@dataclass(frozen=True, slots=True)
class Caption:
    """A text of several phrases, in tokens."""

    tokens: tuple[int, ...]
    owners: tuple[int, ...]
    """Of each token the place of its class in the list of names, or `NO_CLASS`."""


def phrase(class_name: str) -> str:
    """Return how a class is asked for: lower case, words apart, without what is in parentheses.

    Raises:
        ValueError: If there is no word in it.

    Example:
        >>> phrase("Bow_(decorative_ribbons)"), phrase("st. bernard"), phrase("TVStand")
        ('bow', 'st bernard', 'tv stand')
    """
    text = spoken(without_qualifier(class_name.replace("_", " ")))
    for separator in _SEPARATORS:
        text = text.replace(separator, " ")
    return " ".join(text.lower().split())


def phrases(class_names: Sequence[str]) -> list[str]:
    """Return how classes of one image are asked for, each otherwise than all others.

    What is in parentheses stays where it alone tells classes apart. Elsewhere it would do harm: who
    asks for an "orange fruit" is shown any fruit.

    Raises:
        ValueError: If there is no word in a name, or two are asked for alike.

    Example:
        >>> phrases(["bow (weapon)", "bow (decorative ribbons)", "bus (vehicle)"])
        ['bow weapon', 'bow decorative ribbons', 'bus']
    """
    bare = [phrase(name) for name in class_names]
    times = Counter(bare)
    texts = [
        short if times[short] == 1 else phrase(name.replace("(", " ").replace(")", " "))
        for name, short in zip(class_names, bare, strict=True)
    ]
    owners: dict[str, str] = {}
    for name, text in zip(class_names, texts, strict=True):
        if text in owners:
            raise ValueError(
                f"classes {owners[text]!r} and {name!r} are both asked for as {text!r}: rename "
                "one, or leave it out of this image"
            )
        owners[text] = name
    return texts


def captions(class_names: Sequence[str], tokenizer: Tokenizer, *, max_tokens: int) -> list[Caption]:
    """Return texts that together have each name once, as many in each as there is room for.

    Args:
        class_names: At least one.
        tokenizer: Of BERT's kind.
        max_tokens: Of a text, with its beginning and end.

    Raises:
        ValueError: If a name has no word, one that the tokenizer does not know, or too many, or if
            two are asked for alike.
    """
    separator = tokenizer.convert_tokens_to_ids(".")
    begin, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    texts: list[Caption] = []
    tokens: list[int] = [begin]
    owners: list[int] = [NO_CLASS]
    for place, (name, text) in enumerate(zip(class_names, phrases(class_names), strict=True)):
        own = _tokens(name, text, tokenizer, room=max_tokens - 3)
        if len(tokens) + len(own) + 2 > max_tokens:
            texts.append(Caption((*tokens, end), (*owners, NO_CLASS)))
            tokens, owners = [begin], [NO_CLASS]
        tokens += [*own, separator]
        owners += [*([place] * len(own)), NO_CLASS]
    return [*texts, Caption((*tokens, end), (*owners, NO_CLASS))]


def _tokens(name: str, text: str, tokenizer: Tokenizer, *, room: int) -> list[int]:
    tokens: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    if tokenizer.unk_token_id in tokens:
        raise ValueError(
            f"class name {name!r} has a word that the detector's tokenizer does not know: write "
            "it in plain letters"
        )
    if len(tokens) > room:
        raise ValueError(
            f"class name {name!r} is {len(tokens)} tokens long, the detector reads {room}: "
            "shorten it"
        )
    return tokens
