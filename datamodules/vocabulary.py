"""Names of classes with their synonyms, from a text file, and where a text speaks of them.

A file has one class a line: its name, then synonyms, separated by commas. Lines that begin with
``#`` are remarks. `SHIPPED` holds those of the public sets, each with its source and licence.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, reduce
from pathlib import Path
from typing import TypeAlias

from datamodules.inflections import inflections

SHIPPED = Path(__file__).parent / "vocabularies"
"""Folder of the lists that come with the code: ``SHIPPED / "lvis.txt"`` and others."""
BACKGROUND = "background"
"""Name of label 0, which is no class of a vocabulary."""
VocabularyFiles: TypeAlias = list[Path | str] | Path | str
"""A text file with a list of classes, or several whose lists are joined in this order."""
_QUALIFIER = re.compile(r"\s*\(([^()]*)\)")
_NUMBERED = re.compile(r"\d+\s*[:\t]")
_WORD = re.compile(r"\w+")
_TOGETHER = re.compile(r"\w+(?:[\s'-]+\w+)*")  # a comma or a full stop parts two words


@dataclass(frozen=True, slots=True)
class ClassTerms:
    """One class."""

    name: str
    """As the data set writes it, for example ``"bus (vehicle)"``."""
    synonyms: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """The name, then the synonyms."""
        return (self.name, *self.synonyms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """What a text encoder is given for a vocabulary."""

    texts: tuple[str, ...]
    owners: tuple[int, ...]
    """Label that each text stands for: 0 background, k + 1 the class k of the vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Where a text speaks of a class."""

    start: int
    stop: int
    """Behind the last character."""
    index: int
    """Of the class in its vocabulary."""


@dataclass(frozen=True)
class Vocabulary:
    """Classes in a fixed order.

    Raises:
        ValueError: If there is no class, or two have the same name.

    Example:
        >>> words = Vocabulary((ClassTerms("dog"), ClassTerms("hot dog", ("frankfurter",))))
        >>> [words.names[mention.index] for mention in words.mentions("Two dogs eat hot dogs.")]
        ['dog', 'hot dog']
    """

    classes: tuple[ClassTerms, ...]

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError("a vocabulary needs at least one class: the list of names is empty")
        seen: dict[str, str] = {}
        for name in self.names:
            if normalised(name) in seen:
                raise ValueError(
                    f"the vocabulary has {seen[normalised(name)]!r} and {name!r}: names must "
                    "differ, remove one"
                )
            seen[normalised(name)] = name

    def __len__(self) -> int:
        return len(self.classes)

    @classmethod
    def of_names(cls, names: Sequence[str]) -> "Vocabulary":
        """Return classes without synonyms.

        Raises:
            ValueError: If there is none, or two have the same name.
        """
        return cls(tuple(ClassTerms(name) for name in names))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each class."""
        return tuple(of_class.name for of_class in self.classes)

    def index(self, name: str) -> int:
        """Return the place of a class, by its name, else by a synonym that no other class has.

        Case, underscores and hyphens do not matter.

        Raises:
            ValueError: If there is none, or several have this synonym.
        """
        wanted = normalised(name)
        found = self._places.get(wanted, [])
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(repr(self.names[place]) for place in found)
            raise ValueError(f"{name!r} may be {names}: give the name of the class itself")
        near = get_close_matches(wanted, self._places, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "see its list of names"
        raise ValueError(f"no class {name!r} among {len(self)}: {hint}")

    def prompt_names(self) -> tuple[str, ...]:
        """Return each name as it stands in a sentence: without its qualifier where that is clear.

        ``"bus (vehicle)"`` is a bus; of ``"bow (weapon)"`` and ``"bow (decorative ribbons)"``
        both keep theirs, after a comma.
        """
        bare = [without_qualifier(name) for name in self.names]
        times = Counter(map(normalised, bare))
        return tuple(
            short if times[normalised(short)] == 1 else _QUALIFIER.sub(r", \1", name)
            for name, short in zip(self.names, bare, strict=True)
        )

    def phrases(self, background: Sequence[str] = (), *, synonyms: bool = True) -> Phrases:
        """Return the texts to compare an image with.

        Args:
            background: What stands for label 0. Empty: no text does.
            synonyms: Whether the synonyms come too.
        """
        owned = [(0, text) for text in background]
        for label, of_class in enumerate(self.classes, start=1):
            terms = of_class.terms if synonyms else (of_class.name,)
            owned += [(label, text) for text in terms]
        return Phrases(
            texts=tuple(text for _, text in owned), owners=tuple(label for label, _ in owned)
        )

    def joined(self, other: "Vocabulary") -> "Vocabulary":
        """Return these classes and those of `other` whose names are not among these names."""
        known = {normalised(name) for name in self.names}
        new = [c for c in other.classes if normalised(c.name) not in known]
        return Vocabulary((*self.classes, *new))

    def mentions(self, text: str) -> list[Mention]:
        """Return where a text speaks of classes, in singular or plural, in any case, in order.

        The longest term wins where several begin at one word: "hot dog" is no dog. A term that
        several classes share speaks of the first of them.
        """
        words = list(_WORD.finditer(_spaced(text)))
        keys = [_key(word[0]) for word in words]
        found, at = [], 0
        while at < len(words):
            num = self._num_words_at(words, keys, at)
            if num:
                start, stop = words[at].start(), words[at + num - 1].end()
                index = self._forms[" ".join(keys[at : at + num])]
                found.append(Mention(start=start, stop=stop, index=index))
            at += max(num, 1)
        return found

    def _num_words_at(self, words: Sequence[re.Match[str]], keys: Sequence[str], at: int) -> int:
        """Return how many words from `at` on are the longest form of a term; 0 for none."""
        for num in self._lengths.get(keys[at].partition(" ")[0], ()):
            own = keys[at : at + num]
            if len(own) < num or " ".join(own) not in self._forms:
                continue
            between = words[at].string[words[at].start() : words[at + num - 1].end()]
            if _TOGETHER.fullmatch(between):
                return num
        return 0

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Which classes a normalised term may mean.

        A name means its own class alone, and a synonym comes before a name without its qualifier.
        """
        places: dict[str, list[int]] = {normalised(n): [i] for i, n in enumerate(self.names)}
        of_synonyms: dict[str, list[int]] = {}
        of_bare: dict[str, list[int]] = {}
        for place, of_class in enumerate(self.classes):
            for term in of_class.terms:
                _add(of_synonyms, normalised(term), place)
                _add(of_bare, normalised(without_qualifier(term)), place)
        return of_bare | of_synonyms | places

    @cached_property
    def _forms(self) -> dict[str, int]:
        """Every inflected form of every term that can stand in a text, with its first class."""
        terms = {_key(term): places[0] for term, places in self._places.items() if "(" not in term}
        forms = dict(terms)
        for term, place in terms.items():
            before, space, last = term.rpartition(" ")
            for form in inflections(last):
                forms.setdefault(f"{before}{space}{form}", place)
        return forms

    @cached_property
    def _lengths(self) -> dict[str, list[int]]:
        """Of how many words the forms are that begin with a word, the longest first."""
        found: dict[str, set[int]] = {}
        for form in self._forms:
            found.setdefault(form.partition(" ")[0], set()).add(form.count(" ") + 1)
        return {first: sorted(lengths, reverse=True) for first, lengths in found.items()}


def read_vocabulary(path: VocabularyFiles) -> Vocabulary:
    """Read a list of classes, or several that are joined.

    Args:
        path: Of several, the first that has a class says its synonyms, see `Vocabulary.joined`.

    Raises:
        ValueError: If there is no file, or one cannot be read, has no class, a class twice or a
            line that is none.
    """
    paths = [path] if isinstance(path, Path | str) else path
    if not paths:
        raise ValueError("the list of vocabularies is empty: name a file of class names")
    return reduce(Vocabulary.joined, map(_read, paths))


def parse_vocabulary(text: str) -> Vocabulary:
    """Read a list of classes from its text.

    Raises:
        ValueError: As `read_vocabulary`.
    """
    return Vocabulary(tuple(ClassTerms(terms[0], terms[1:]) for terms in _lines(text)))


def read_words(path: Path | str) -> tuple[str, ...]:
    """Return all terms of a list in one row, for what stands for background.

    Raises:
        ValueError: As `read_vocabulary`.
    """
    return tuple(term for of_class in read_vocabulary(path).classes for term in of_class.terms)


def without_qualifier(name: str) -> str:
    """Return a name without what stands in parentheses.

    Example:
        >>> without_qualifier("bus (vehicle)")
        'bus'
    """
    return _QUALIFIER.sub("", name).strip() or name


def qualifier_of(name: str) -> str:
    """Return what stands in parentheses behind a name; nothing if nothing does.

    Example:
        >>> qualifier_of("bus (vehicle)")
        'vehicle'
    """
    return name.removeprefix(without_qualifier(name)).strip(" ()")


def qualifier_length(text: str, name: str) -> int:
    """Return how many characters at the start of a text are the qualifier of a class before it.

    It stands after a comma, in any case, as `Vocabulary.prompt_names` tells two bows apart.

    Example:
        >>> qualifier_length(", Weapon on a wall", "bow (weapon)")
        8
        >>> qualifier_length(", weaponry", "bow (weapon)"), qualifier_length(", red", "bow")
        (0, 0)
    """
    qualifier = qualifier_of(name)
    found = re.match(rf", {re.escape(qualifier)}(?!\w)", text, re.IGNORECASE)
    return len(found[0]) if found and qualifier else 0


def normalised(term: str) -> str:
    """Return a term for comparison: lower case, words apart by one space.

    Example:
        >>> normalised("T-shirt_(Cotton)")
        't shirt (cotton)'
    """
    return " ".join(re.split(r"[\s_-]+", term.casefold().strip()))


def _read(path: Path | str) -> Vocabulary:
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")  # some editors put a mark before the first name
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no list of class names can be read: {error}") from error
    try:
        return parse_vocabulary(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _add(places: dict[str, list[int]], term: str, place: int) -> None:
    if place not in (found := places.setdefault(term, [])):
        found.append(place)


def _spaced(text: str) -> str:
    """Return a text of the same length whose underscores part words."""
    return text.replace("_", " ")


def _key(term: str) -> str:
    return " ".join(_WORD.findall(_spaced(term).casefold()))


def _lines(text: str) -> list[tuple[str, ...]]:
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if _NUMBERED.match(line.strip()):
            raise ValueError(f"line {number} is {line.strip()!r}: give names alone, without ids")
        terms = tuple(" ".join(term.split()) for term in line.split(","))
        if not all(any(map(str.isalnum, term)) for term in terms):
            raise ValueError(f"line {number} is {line.strip()!r}: there is no word between commas")
        lines.append(terms)
    return lines
