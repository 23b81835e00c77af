"""Photos that are to be recognised in other pictures, whole or in part."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.alignment import aligned_places
from datamodules.keypoint_index import KeypointIndex
from datamodules.keypoints import Keypoints, find_keypoints

# Unrelated street photos of one kind have at most 7 places in common (120 pictures against 60
# photos and their mirror images), unrelated film frames 5. Two more leave room for chance as the
# held-out photos become many. Rather too low than too high: a false alarm costs one pair, a miss a
# wrong benchmark number.
MIN_PLACES = 9
_CANDIDATES = 10  # photos with the most matches, whose places are then compared


@dataclass(frozen=True, slots=True)
class Recognition:
    """A photo that is seen in a picture."""

    id: str
    places: int
    """How many corners of the photo lie in the picture as they lie in the photo."""


class PhotoIndex:
    """Recognises photos by their corners, where enough of them lie as they do in the photo.

    What is recognised and what is not: `benchmarks/near_duplicates.py`.

    Args:
        photos: Id and ``(H, W, 3)`` uint8 RGB of each photo; held one at a time.
    """

    def __init__(self, photos: Iterable[tuple[str, NDArray[np.uint8]]]) -> None:
        self._ids: list[str] = []
        found: list[Keypoints] = []
        for id, image in photos:
            # descriptors turn with the picture, but a mirror image has others
            mirrored = np.ascontiguousarray(image[:, ::-1])
            found += [find_keypoints(image), find_keypoints(mirrored)]
            self._ids += [id, id]
        self._index = KeypointIndex(found)

    def recognise(
        self, image: NDArray[np.uint8], *, min_places: int = MIN_PLACES
    ) -> Recognition | None:
        """Return the photo that most of the picture's corners come from, or none.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            min_places: Fewest corners that count as proof.
        """
        matches = self._index.matches(find_keypoints(image), least=min_places, most=_CANDIDATES)
        found = [(aligned_places(m.query, m.reference), -m.photo) for m in matches]
        places, photo = max(found, default=(0, 0))
        return Recognition(self._ids[-photo], places) if places >= min_places else None
