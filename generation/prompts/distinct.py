"""Texts that say something else than all before them."""

import re
from collections.abc import Sequence

import numpy as np

_ROOM = 64  # texts and words that there is room for at first


class DistinctTexts:
    """Keeps texts that are no near-duplicate of one that was kept before.

    Each text is compared with all kept ones at once, by the rows of its own words in a table of
    words and texts.

    Args:
        most_shared: Share of words of both together (Jaccard), in [0, 1], above which two say the
            same.

    Example:
        >>> kept = DistinctTexts()
        >>> [kept.add(text) for text in ("a red cat in a park", "a cat in a red park", "a dog")]
        [True, False, True]
    """

    def __init__(self, most_shared: float = 0.8) -> None:
        self.most_shared = most_shared
        self.texts: list[str] = []
        """Those that were kept, in their order."""
        self._rows: dict[str, int] = {}
        self._has = np.zeros((_ROOM, _ROOM), np.uint8)  # word and text
        self._num_words = np.zeros(_ROOM, np.int32)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, text: str) -> bool:
        """Keep a text unless it says the same as one that was kept, and return whether it was."""
        words = set(re.findall(r"\w+", text.casefold()))
        number = len(self.texts)
        known = [self._rows[word] for word in words if word in self._rows]
        shared = self._has[known, :number].sum(0, dtype=np.int32)
        together = self._num_words[:number] + len(words) - shared
        if (shared > self.most_shared * together).any():
            return False
        for word in words:
            self._rows.setdefault(word, len(self._rows))
        self._make_room()
        self._has[[self._rows[word] for word in words], number] = 1
        self._num_words[number] = len(words)
        self.texts.append(text)
        return True

    def _make_room(self) -> None:
        rows, columns = self._has.shape
        more = (max(len(self._rows) - rows, 0), columns if len(self.texts) == columns else 0)
        if any(more):
            self._has = np.pad(self._has, ((0, 2 * more[0]), (0, more[1])))
            self._num_words = np.pad(self._num_words, (0, more[1]))


def distinct(texts: Sequence[str], *, most_shared: float = 0.8) -> list[int]:
    """Return the places of texts that are no near-duplicate of an earlier one.

    Args:
        texts: In the order in which they are kept.
        most_shared: See `DistinctTexts`.

    Example:
        >>> distinct(["a red cat in a park", "a cat in a red park", "a dog on a lawn"])
        [0, 2]
    """
    kept = DistinctTexts(most_shared)
    return [place for place, text in enumerate(texts) if kept.add(text)]
