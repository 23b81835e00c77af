"""English words around the name of a class: how it is written, its article, where it stands."""

import re

from datamodules.inflections import inflections, is_plural

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_VOWEL = re.compile(
    r"(?!uni|use|usu|ut[ei]|uk|eu|one\b|once|ufo)[aeiou]|hour|heir|honest|honou?r", re.I
)


def spoken(class_name: str) -> str:
    """Return the name of a class as it stands in a sentence: lower case, words apart.

    What is written in capitals alone stays as it is.

    Raises:
        ValueError: If there is no word in it.

    Example:
        >>> spoken("TrafficSign"), spoken("office_chair"), spoken("TV"), spoken("TVStand")
        ('traffic sign', 'office chair', 'TV', 'TV stand')
    """
    words = _CAMEL.sub(" ", class_name.replace("_", " ")).split()
    if not any(character.isalnum() for word in words for character in word):
        raise ValueError(
            f"class name {class_name!r} has no word in it: name the class of each mask"
        )
    return " ".join(w if len(w) > 1 and w.isupper() else w.lower() for w in words)


def article(words: str, noun: str) -> str:
    """Return the indefinite article of a noun with what stands before it; none of a plural.

    Args:
        words: What the article stands before, like ``"iron table"``.
        noun: What it belongs to, like ``"table"``.

    Example:
        >>> article("iron fan", "fan"), article("unicycle", "unicycle"), article("stairs", "stairs")
        ('an', 'a', '')
    """
    if is_plural(noun):
        return ""
    return "an" if _VOWEL.match(words) else "a"


def mentions(text: str, class_name: str) -> bool:
    """Return whether a text names a class, in the singular or the plural, in any case.

    Example:
        >>> mentions("Two oxen pull a cart.", "Ox"), mentions("An elephant.", "Ant")
        (True, False)
    """
    name = spoken(class_name).casefold()
    if not name.isascii():  # scripts without spaces have no word boundaries
        return name in text.casefold()
    *before, last = re.split(r"[\s-]+", name)
    forms = "|".join(sorted(map(re.escape, inflections(last)), key=len, reverse=True))
    pattern = r"[\s-]?".join([*map(re.escape, before), f"(?:{forms})"])
    return re.search(rf"(?<!\w){pattern}(?!\w)", text.casefold()) is not None
