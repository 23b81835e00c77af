"""Shards as tars with an index of places, as we write them, beside litdata's chunks.

Run from a clone: ``python -m benchmarks.shard_formats [--pairs 64] [--repeats 5]``, in an
environment that has litdata, which nothing else here needs; without it a line says so. Whether
bytes depend on pyarrow is asked where pyarrow is installed too.

A shard holds pairs of an image of 585 kB, a mask of 123 kB and a record of 1 kB: formats look at
sizes alone, so the bytes are noise. Measured interleaved A, B, A, B, in processor time (the page
cache is warm; a disk would add the same to both): writing a shard; opening one that this process
has not seen, to the first pair; reading a pair of an open shard, in random order. Digests are of
the pixels' file alone, without the index beside it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib import metadata, util
from pathlib import Path
from statistics import median

import numpy as np
import torch

from callbacks import run_facts
from datamodules.shard_files import Place, read_places, tar_of

SIZES = {"image.jpg": 585_000, "mask.png": 123_000, "json": 1_000}
Pair = dict[str, bytes]
Read = Callable[[int], Pair]


class Tars:
    """A tar and, beside it, the place of each file, as `datamodules.shards` keeps them."""

    def write(self, folder: Path, pairs: Sequence[Pair]) -> None:
        """Write a shard."""
        files = [
            (f"{number:06d}.{name}", data)
            for number, pair in enumerate(pairs)
            for name, data in pair.items()
        ]
        tar, places = tar_of(files)
        (folder / "pairs.tar").write_bytes(tar)
        where = {name: place for (name, _), place in zip(files, places, strict=True)}
        (folder / "done.json").write_text(json.dumps(where))

    def open(self, folder: Path) -> Read:
        """Return what reads a pair of a shard."""
        where: dict[str, Place] = json.loads((folder / "done.json").read_bytes())

        def read(number: int) -> Pair:
            places = {name: where[f"{number:06d}.{name}"] for name in SIZES}
            return read_places(folder / "pairs.tar", places)

        return read


class Chunks:
    """One chunk of litdata."""

    def write(self, folder: Path, pairs: Sequence[Pair]) -> None:
        """Write a shard."""
        from litdata.streaming.writer import BinaryWriter

        writer = BinaryWriter(str(folder), chunk_size=len(pairs))
        for number, pair in enumerate(pairs):
            writer.add_item(number, pair)
        writer.done()
        writer.merge()

    def open(self, folder: Path) -> Read:
        """Return what reads a pair of a shard."""
        from litdata import StreamingDataset

        dataset = StreamingDataset(str(folder))

        def read(number: int) -> Pair:
            pair: Pair = dataset[number]
            return pair

        return read


FORMATS: dict[str, Tars | Chunks] = {"tar": Tars(), "litdata": Chunks()}


def noise(count: int) -> list[Pair]:
    """Return pairs of the sizes of `SIZES`."""
    rng = np.random.default_rng(0)
    return [{name: rng.bytes(size) for name, size in SIZES.items()} for _ in range(count)]


def measure(name: str, folder: Path, pairs: Sequence[Pair]) -> tuple[float, float, float]:
    """Write and read a shard; milliseconds of writing a pair, of opening and of reading a pair.

    Raises:
        RuntimeError: If a pair comes back as another one.
    """
    folder.mkdir()
    start = time.process_time()
    FORMATS[name].write(folder, pairs)
    written = time.process_time()
    read = FORMATS[name].open(folder)
    read(0)
    opened = time.process_time()
    order = np.random.default_rng(1).permutation(len(pairs)).tolist()
    found = [read(number) for number in order]
    done = time.process_time()
    if any(pair != pairs[number] for number, pair in zip(order, found, strict=True)):
        raise RuntimeError(f"{name}: a pair comes back as another one")
    times = (written - start) / len(pairs), opened - written, (done - opened) / len(pairs)
    return times[0] * 1000, times[1] * 1000, times[2] * 1000


def digest(folder: Path) -> str:
    """Return the first digits of the hash of the file that holds a shard's pairs."""
    (path,) = (path for path in folder.iterdir() if path.suffix in {".tar", ".bin"})
    return sha256(path.read_bytes()).hexdigest()[:12]


def digests_of_chunks(root: Path, pairs: Sequence[Pair]) -> tuple[str, str]:
    """Return the digests of one and the same chunk with and without pyarrow."""
    from litdata.streaming import item_loader

    found = []
    for has_pyarrow in (True, False):
        # what litdata asks before it adds a footer to its chunks
        item_loader._PYARROW_AVAILABLE = has_pyarrow
        folder = root / f"pyarrow-{has_pyarrow}"
        folder.mkdir()
        FORMATS["litdata"].write(folder, pairs)
        found.append(digest(folder))
    return found[0], found[1]


def spread(values: Sequence[float]) -> str:
    """Return the median and the range as text."""
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if util.find_spec("litdata") is None:
        print("litdata is not installed here: nothing to compare with")
        return
    pairs = noise(options.pairs)
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in FORMATS}
    bytes_of: dict[str, set[str]] = {name: set() for name in FORMATS}
    print(f"{run_facts.commit()}; {run_facts.hardware(torch.device('cpu'), 1)}")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for repeat in range(options.repeats + 1):
            for name in FORMATS:
                folder = root / f"{name}{repeat}"
                found = measure(name, folder, pairs)
                bytes_of[name].add(digest(folder))
                if repeat:  # the first one imports
                    times[name].append(found)
        print(
            f"litdata {metadata.version('litdata')}, {options.pairs} pairs; ms of processor time\n"
        )
        print("| format | writing a pair | opening a shard | reading a pair | digests |")
        print("|---|---|---|---|---|")
        for name, rows in times.items():
            cells = " | ".join(spread(column) for column in zip(*rows, strict=True))
            print(f"| {name} | {cells} | {len(bytes_of[name])} |")
        if util.find_spec("pyarrow") is None:
            print("\npyarrow is not installed here: what it changes was not asked")
        else:
            having, without = digests_of_chunks(root, pairs)
            print(f"\nlitdata chunk with pyarrow {having}, without {without}")


if __name__ == "__main__":
    main()
