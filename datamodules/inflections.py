"""Singular and plural of English nouns, generously: every form that may stand in a text."""

_IRREGULAR = {
    "alga": ("algae",),
    "alumnus": ("alumni",),
    "antenna": ("antennae",),
    "aquarium": ("aquaria",),
    "axis": ("axes",),
    "bacterium": ("bacteria",),
    "bus": ("busses",),
    "cactus": ("cacti",),
    "child": ("children",),
    "crocus": ("croci",),
    "die": ("dice",),
    "dormouse": ("dormice",),
    "fez": ("fezzes",),
    "flagstaff": ("flagstaves",),
    "foot": ("feet",),
    "fungus": ("fungi",),
    "gas": ("gasses",),
    "goose": ("geese",),
    "grandchild": ("grandchildren",),
    "gymnasium": ("gymnasia",),
    "harmonium": ("harmonia",),
    "hippopotamus": ("hippopotami",),
    "larva": ("larvae",),
    "louse": ("lice",),
    "man": ("men",),
    "matrix": ("matrices",),
    "mouse": ("mice",),
    "nautilus": ("nautili",),
    "nebula": ("nebulae",),
    "nucleus": ("nuclei",),
    "oasis": ("oases",),
    "octopus": ("octopi", "octopodes"),
    "ox": ("oxen",),
    "papyrus": ("papyri",),
    "pendulum": ("pendula",),
    "person": ("people",),
    "phenomenon": ("phenomena",),
    "planetarium": ("planetaria",),
    "platypus": ("platypi",),
    "quiz": ("quizzes",),
    "salesperson": ("salespeople",),
    "staff": ("staves",),
    "stylus": ("styli",),
    "terrarium": ("terraria",),
    "tooth": ("teeth",),
    "vertebra": ("vertebrae",),
    "vertex": ("vertices",),
    "whiz": ("whizzes",),
    "woman": ("women",),
}
"""Plurals that no rule makes, each beside the regular one where both are written."""
_SINGULARS = {plural: one for one, plurals in _IRREGULAR.items() for plural in plurals}
_ENDINGS = (("y", "ies"), ("f", "ves"), ("fe", "ves"), ("man", "men"), ("eau", "eaux"))
_SINGULAR_IN_S = frozenset({"atlas", "canvas", "chess", "gas", "lens", "pancreas", "series"})
"""Words that end in s and stand for one thing."""
_PLURAL_ENDINGS = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("men", "man"), ("eaux", "eau"))
_BEFORE_ES = ("s", "x", "z", "ch", "sh", "o")
"""Endings whose plural has es; after any other it makes other words: pan, panes, and car, cares."""


def inflections(word: str) -> set[str]:
    """Return a lower-case noun with its singular and its plural, and forms that are no words.

    Forms that are no words ("sheeps") do no harm where a text is searched for them.

    Example:
        >>> sorted(inflections("shelves") & {"shelf", "shelves"})
        ['shelf', 'shelves']
        >>> "people" in inflections("person")
        True
    """
    stems = {word, _SINGULARS.get(word, word)}
    if word.endswith("s") and len(word) > 3:
        stems.add(word[:-1])
    for ending, singular in _PLURAL_ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            stems.add(word.removesuffix(ending) + singular)
    if word.endswith("es") and len(word) > 4 and word[:-2].endswith(_BEFORE_ES):
        stems.add(word[:-2])
    forms = {form for stem in stems for form in (stem, f"{stem}s")}
    forms |= {f"{stem}es" for stem in stems if stem.endswith(_BEFORE_ES)}
    for stem in stems:
        forms |= {*_IRREGULAR.get(stem, ())}
        for ending, plural in _ENDINGS:
            if stem.endswith(ending):
                forms.add(stem.removesuffix(ending) + plural)
    return forms


def is_plural(noun: str) -> bool:
    """Return whether a noun, or the last word of several, is read as a plural.

    Example:
        >>> is_plural("office chairs"), is_plural("people"), is_plural("glass"), is_plural("lens")
        (True, True, False, False)
    """
    last = noun.lower().rpartition(" ")[2]
    if last in _SINGULARS or last.endswith("eaux"):
        return True
    return (
        last.endswith("s") and not last.endswith(("ss", "us", "is")) and last not in _SINGULAR_IN_S
    )
