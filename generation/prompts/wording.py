"""English words around the name of a class: how it is written, its article, its inflections."""

import re

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_VOWEL = re.compile(
    r"(?!uni|use|usu|ut[ei]|uk|eu|one\b|once|ufo)[aeiou]|hour|heir|honest|honou?r", re.I
)
# Words that end in s and stand for one thing.
_SINGULAR_IN_S = frozenset({"atlas", "canvas", "chess", "gas", "lens", "pancreas", "series"})
# Plurals that no rule makes.
_IRREGULAR = {
    "child": "children",
    "foot": "feet",
    "goose": "geese",
    "louse": "lice",
    "man": "men",
    "mouse": "mice",
    "ox": "oxen",
    "person": "people",
    "tooth": "teeth",
    "woman": "women",
}


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


def is_plural(noun: str) -> bool:
    """Return whether a noun is read as a plural (scissors, glasses, stairs)."""
    last = noun.lower().rpartition(" ")[2]
    if last in _IRREGULAR.values():
        return True
    return (
        last.endswith("s") and not last.endswith(("ss", "us", "is")) and last not in _SINGULAR_IN_S
    )


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
    forms = "|".join(sorted(map(re.escape, _inflections(last)), key=len, reverse=True))
    pattern = r"[\s-]?".join([*map(re.escape, before), f"(?:{forms})"])
    return re.search(rf"(?<!\w){pattern}(?!\w)", text.casefold()) is not None


def _inflections(word: str) -> set[str]:
    """Return a lower-case word with its singular and its plural, and forms that are no words."""
    stems = {word, *(one for one, many in _IRREGULAR.items() if word == many)}
    if word.endswith("s") and len(word) > 3:
        stems.add(word[:-1])
    for ending, singular in (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", "")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            stems.add(word.removesuffix(ending) + singular)
    forms = {form for stem in stems for form in (stem, f"{stem}s", f"{stem}es")}
    for stem in stems:
        forms |= {_IRREGULAR.get(stem, stem)}
        for ending, plural in (("y", "ies"), ("f", "ves"), ("fe", "ves"), ("man", "men")):
            if stem.endswith(ending):
                forms.add(stem.removesuffix(ending) + plural)
    return forms
