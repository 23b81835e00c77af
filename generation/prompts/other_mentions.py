"""What a description mentions that nobody would look for by the names of its classes."""

from collections.abc import Sequence

from datamodules.vocabulary import Vocabulary, qualifier_length


class OtherMentions:
    """Finds classes of a list in descriptions of some of them.

    What a description names is painted. A class of the list that its label map does not have is
    background there, so a network would learn that it is not what it is.

    Args:
        vocabulary: The list.
        own: Places of the classes that were asked for.

    Example:
        >>> words = Vocabulary.of_names(["cat", "book", "dog", "hot dog"])
        >>> OtherMentions(words, [0])("A cat between books and hot dogs")
        (1, 3)
    """

    def __init__(self, vocabulary: Vocabulary, own: Sequence[int]) -> None:
        self.vocabulary = vocabulary
        self._own = Vocabulary(tuple(vocabulary.classes[place] for place in own))
        self._names = Vocabulary.of_names(self._own.names)

    def __call__(self, text: str) -> tuple[int, ...]:
        """Return the places of the others, sorted; a word of an own class is of that alone."""
        own = self._own_spans(text)
        found = {
            mention.index
            for mention in self.vocabulary.mentions(text)
            if not any(start <= mention.start and mention.stop <= stop for start, stop in own)
        }
        return tuple(sorted(found))

    def has_synonym(self, text: str) -> bool:
        """Return whether a text calls an own class by a synonym.

        Painters, labelers and filters know a draft's classes by their names, so an "aeroplane"
        would stay in the counterfactual of an airplane.
        """
        by_any, by_name = (
            [(mention.start, mention.stop) for mention in words.mentions(text)]
            for words in (self._own, self._names)
        )
        return by_any != by_name

    def _own_spans(self, text: str) -> list[tuple[int, int]]:
        spans = []
        for mention in self._own.mentions(text):
            num = qualifier_length(text[mention.stop :], self._own.names[mention.index])
            spans.append((mention.start, mention.stop + num))
        return spans
