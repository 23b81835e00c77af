"""The log of a pool: which of its pairs stands at which slot of a run.

A file of JSON lines in the run's folder, which rank 0 alone appends to and from which every process
draws, so that ranks, workers, a kill and a resume agree without a word between them:

    {"format": 1}
    {"shard": "000007-3f2a", "sha256": "...", "places": [0, 1, 3]}   pairs that may now be drawn
    {"rejected": [4, 17]}                                            pairs that no block draws again
    {"first": 512, "before": 1024, "slots": [513, ...], "pairs": [17, -1, ...]}

A pair is named by its number in the order of the lines; -1 is a slot that has to do without. The
last kind of line decides a block of slots for good, and is written before any process has reached
one of them: a pair that is rejected after that stays where it is. Nothing counts that lacks the end
of its line.
"""

import json
import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import numpy as np
from numpy.typing import NDArray

from datamodules.json_value import Json

FORMAT = 1
NONE_LEFT = -1
_POLL = 0.02  # seconds; ranks wait for one another once, at the start
_TIMEOUT = 600.0  # rank 0 checks a large data set and an old pool before its first line

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LoggedShard:
    """A shard that may be drawn from."""

    id: str
    sha256: str
    """Of its tar."""
    places: tuple[int, ...]
    """Of its pairs that nobody has rejected."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What is decided for the slots from `first` on and before `before`."""

    first: int
    before: int
    slots: Numbers
    """Those that ask for a pair of the pool, rising."""
    pairs: Numbers
    """The number of the pair at each, or `NONE_LEFT`."""


class PoolLog:
    """What stands in a log so far; it reads on as the file grows.

    It holds no open file and may go to any process.

    Args:
        path: The file; none yet is an empty log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shards: list[LoggedShard] = []
        self.blocks: list[Block] = []
        self.growth: list[tuple[int, int]] = []
        """(first slot, number of pairs that may be drawn from there on) of each change."""
        self._offset = 0
        self._first_numbers: list[int] = []  # of each shard
        self._counts = np.zeros(0, np.int64)
        self._is_rejected = np.zeros(0, bool)

    @property
    def before(self) -> int:
        """The first slot that is not decided."""
        return self.blocks[-1].before if self.blocks else 0

    @property
    def num_pairs(self) -> int:
        """Number of pairs, rejected ones too."""
        return len(self._counts)

    @property
    def counts(self) -> Numbers:
        """How often each pair is drawn up to `before`, by its number."""
        return self._counts

    @property
    def is_rejected(self) -> NDArray[np.bool_]:
        """Whether each pair was rejected since it was logged, by its number."""
        return self._is_rejected

    def read(self) -> None:
        """Take in what was appended since the last time.

        Raises:
            ValueError: If a line is none of this format.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            whole, end, _ = file.read().rpartition(b"\n")
        for line in whole.splitlines():
            try:
                self._add(json.loads(line))
            except (ValueError, LookupError, TypeError) as error:
                raise ValueError(
                    f"{self.path} is no log of this version ({error}): start the run afresh"
                ) from error
        self._offset += len(whole) + len(end)

    def wait_for(self, slot: int, *, timeout: float = _TIMEOUT) -> None:
        """Return as soon as a slot is decided.

        Raises:
            TimeoutError: If it is not within so many seconds.
        """
        limit = monotonic() + timeout
        while slot >= self.before:
            self.read()
            if slot < self.before:
                return
            if monotonic() > limit:
                raise TimeoutError(
                    f"{self.path} decides no slot {slot} after {timeout:g} s: put the run's folder "
                    "(trainer.default_root_dir) on a disk that all processes share"
                )
            sleep(_POLL)

    def pair_at(self, slot: int) -> tuple[LoggedShard, int] | None:
        """Return shard and place of the pair at a slot.

        None where the pool had none left, or the slot did not ask for one when it was decided:
        a run that goes on with another mixture keeps what was decided ahead.

        Raises:
            TimeoutError: If the slot is not decided in time, see `wait_for`.
        """
        self.wait_for(slot)
        block = self.blocks[bisect_right(self.blocks, slot, key=lambda block: block.first) - 1]
        found = block.pairs[block.slots == slot]
        if not len(found) or found[0] == NONE_LEFT:
            return None
        number = int(found[0])
        place = bisect_right(self._first_numbers, number) - 1
        shard = self.shards[place]
        return shard, shard.places[number - self._first_numbers[place]]

    def drawn(self, before: int) -> Numbers:
        """Return the numbers of the pairs at the slots before one, with `NONE_LEFT` among them."""
        parts = [block.pairs[block.slots < before] for block in self.blocks]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def _add(self, line: Mapping[str, Json]) -> None:
        if "shard" in line:
            self._add_shard(LoggedShard(line["shard"], line["sha256"], tuple(line["places"])))  # type: ignore[arg-type]
        elif "rejected" in line:
            self._is_rejected[np.array(line["rejected"], np.int64)] = True
        elif "first" in line:
            slots, pairs = (np.array(line[name], np.int64) for name in ("slots", "pairs"))
            self._add_block(Block(line["first"], line["before"], slots, pairs))  # type: ignore[arg-type]
        elif line["format"] != FORMAT:
            raise ValueError(f"format {line['format']}")

    def _add_shard(self, shard: LoggedShard) -> None:
        self.shards.append(shard)
        self._first_numbers.append(self.num_pairs)
        num_new = len(shard.places)
        self._counts = np.concatenate([self._counts, np.zeros(num_new, np.int64)])
        self._is_rejected = np.concatenate([self._is_rejected, np.zeros(num_new, bool)])

    def _add_block(self, block: Block) -> None:
        num_left = int((~self._is_rejected).sum())
        if not self.growth or self.growth[-1][1] != num_left:
            self.growth.append((block.first, num_left))
        self.blocks.append(block)
        self._counts += np.bincount(block.pairs[block.pairs >= 0], minlength=self.num_pairs)


def as_lines(
    shards: Sequence[LoggedShard], block: Block, *, rejected: Sequence[int] = ()
) -> list[dict[str, Json]]:
    """Return the lines that log new shards and rejections and then a block, which heeds them.

    Args:
        shards: That the block is the first to draw from.
        block: What it decides.
        rejected: Numbers of pairs logged before that it is the first not to draw.
    """
    lines: list[dict[str, Json]] = [
        {"shard": shard.id, "sha256": shard.sha256, "places": list(shard.places)}
        for shard in shards
    ]
    if rejected:
        lines.append({"rejected": list(rejected)})
    slots, pairs = block.slots.tolist(), block.pairs.tolist()
    return [*lines, {"first": block.first, "before": block.before, "slots": slots, "pairs": pairs}]


def append(path: Path, lines: Sequence[Mapping[str, Json]]) -> None:
    """Append lines that outlive a kill, and a failure of power, once this has returned.

    Raises:
        OSError: If the disk is full or the folder is not writable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        head = [] if file.tell() else [{"format": FORMAT}]
        file.write("".join(f"{json.dumps(line)}\n" for line in (*head, *lines)).encode())
        file.flush()
        os.fsync(file.fileno())


def mend(path: Path) -> None:
    """Cut off a line that a kill has left without its end; nobody has read it."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
