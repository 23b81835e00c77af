"""How the pairs of a set lie in an export: three layouts that other programs read.

A layout gets the encoded files as they stand in the shards and changes no byte of them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from callbacks.set_contents import KeptPair
from datamodules.json_value import Json, canonical
from datamodules.sample import MaskKind
from datamodules.sample_record import PLANES
from datamodules.shard_files import tar_of

Files = Mapping[str, bytes]
"""Of a pair, by names such as ``image.jpg`` and ``mask.png``."""
_PER_FOLDER = 1000  # the Hub refuses folders of more than 10,000 entries
_PLANES_LEFT_OUT = {
    "weight": "weight (0: the pixel does not count)",
    "counterfactual": "counterfactual (the scene without the object)",
}
_OWN_FIELDS = ("key", "files")  # of our shards, of no use outside


class Layout(Protocol):
    """Where the files of an export go."""

    name: str
    """As the command line calls it."""
    data_files: str
    """Pattern of the files that hold pairs."""
    part_bytes: int
    """Shards are taken together up to this many bytes, at least one at a time."""
    planes: Sequence[str]
    """What it holds of `datamodules.sample_record.PLANES`."""

    def check(self, pairs: Sequence[KeptPair]) -> None:
        """Refuse what the layout cannot hold.

        Raises:
            ValueError: If a pair does not fit; the line names it.
        """
        ...

    def paths(self, number: int, pairs: Sequence[KeptPair]) -> list[str]:
        """Return the files that part `number` with these pairs becomes."""
        ...

    def files(self, number: int, pairs: Sequence[tuple[KeptPair, Files]]) -> dict[str, bytes]:
        """Return the content of `paths`."""
        ...

    def listing(self, pairs: Sequence[KeptPair]) -> dict[str, bytes]:
        """Return the files that tell of all pairs."""
        ...

    def usage(self, num_parts: int) -> str:
        """Return Markdown that says what lies where and how it is read."""
        ...


def left_out(layout: Layout, pairs: Sequence[KeptPair]) -> list[str]:
    """Return Markdown that counts the pairs whose weights or counterfactuals have no place.

    Nothing where all have: a reader of the export would take doubtful pixels for certain ones.
    """
    names = [name for name in PLANES if name not in layout.planes]
    counts = {name: sum(name in _planes(pair) for pair in pairs) for name in names}
    rows = [f"| {_PLANES_LEFT_OUT[name]} | {num:,} |" for name, num in counts.items() if num]
    head = ["| plane that is left out | pairs that have one |", "|---|---:|"]
    return ["\n".join([*head, *rows])] if rows else []


class Dis5kFolders:
    """``im/<id>.jpg`` and ``gt/<id>.png``, as DIS5K's subsets are; the only folder names read."""

    name = "dis5k"
    data_files = "im/*"
    part_bytes = 0
    planes: Sequence[str] = ("image", "mask")

    def check(self, pairs: Sequence[KeptPair]) -> None:
        """Refuse masks of labels: a reader would take their small values for faint coverage."""
        labels = [pair.id for pair in pairs if pair.record["mask_kind"] != MaskKind.ALPHA.value]
        if labels:
            raise ValueError(
                f"{len(labels):,} pairs such as {labels[0]} have masks of labels, and gt holds one "
                "object's coverage: export to webdataset or huggingface"
            )

    def paths(self, number: int, pairs: Sequence[KeptPair]) -> list[str]:
        """Return image and mask of each pair."""
        return [path for pair in pairs for path in self._places(pair).values()]

    def files(self, number: int, pairs: Sequence[tuple[KeptPair, Files]]) -> dict[str, bytes]:
        """Return image and mask of each pair; weights and counterfactuals have no place here."""
        return {
            path: files[name] for pair, files in pairs for name, path in self._places(pair).items()
        }

    def listing(self, pairs: Sequence[KeptPair]) -> dict[str, bytes]:
        """Return what is known of each pair, a line each."""
        return {"pairs.jsonl": _lines(_told(pair) for pair in pairs)}

    def usage(self, num_parts: int) -> str:
        """Return what lies where."""
        return (
            "`im/<id>.jpg` (or `.png`) is the image, `gt/<id>.png` the 8-bit mask of the same "
            "name, `pairs.jsonl` what is known of each pair."
        )

    def _places(self, pair: KeptPair) -> dict[str, str]:
        image = _file(pair, "image")
        return {
            image: f"im/{pair.id}.{image.partition('.')[2]}",
            "mask.png": f"gt/{pair.id}.png",
        }


class WebDatasetTars:
    """``pairs-000000.tar`` with ``<key>.image.jpg``, ``<key>.mask.png``, ``<key>.json``.

    By WebDataset's convention a key ends at its first point, and neighbours of one key are one
    sample. Points of an id become underscores; the id itself is in the JSON.
    """

    name = "webdataset"
    data_files = "pairs-*.tar"
    part_bytes = 256 * 2**20
    planes: Sequence[str] = PLANES

    def check(self, pairs: Sequence[KeptPair]) -> None:
        """Refuse ids that would fall together as keys."""
        keys = {pair.id.replace(".", "_"): pair.id for pair in pairs}
        for pair in pairs:
            other = keys[pair.id.replace(".", "_")]
            if other != pair.id:
                raise ValueError(f"{pair.id} and {other} differ in points alone: one key for both")

    def paths(self, number: int, pairs: Sequence[KeptPair]) -> list[str]:
        """Return the one tar."""
        return [f"pairs-{number:06d}.tar"]

    def files(self, number: int, pairs: Sequence[tuple[KeptPair, Files]]) -> dict[str, bytes]:
        """Return the tar."""
        members = [
            (f"{pair.id.replace('.', '_')}.{name}", data)
            for pair, files in pairs
            for name, data in [*files.items(), ("json", canonical(_told(pair)).encode())]
        ]
        return {f"pairs-{number:06d}.tar": tar_of(members)[0]}

    def listing(self, pairs: Sequence[KeptPair]) -> dict[str, bytes]:
        """Return nothing: the tars hold all."""
        return {}

    def usage(self, num_parts: int) -> str:
        """Return the line that reads them."""
        return (
            "    import webdataset as wds\n"
            f'    pairs = wds.WebDataset("pairs-{{000000..{num_parts - 1:06d}}}.tar").decode("pil")'
            "\n\nA sample has `image.jpg` (or `image.png`), `mask.png`, `json`, and `weight.png` "
            "(0: pixel does not count) and `counterfactual.*` (the scene without the object) "
            "where there are any."
        )


class HuggingFaceFolder:
    """``train/metadata.jsonl`` whose ``image_file_name`` and ``mask_file_name`` become columns.

    As the ``imagefolder`` of the datasets library reads it. Weights and counterfactuals are left
    out: a column must have a file in every row.
    """

    name = "huggingface"
    data_files = "train/**"
    part_bytes = 0
    planes: Sequence[str] = ("image", "mask")

    def check(self, pairs: Sequence[KeptPair]) -> None:
        """Every pair fits."""

    def paths(self, number: int, pairs: Sequence[KeptPair]) -> list[str]:
        """Return image and mask of each pair."""
        return [f"train/{path}" for pair in pairs for path in _numbered(pair).values()]

    def files(self, number: int, pairs: Sequence[tuple[KeptPair, Files]]) -> dict[str, bytes]:
        """Return image and mask of each pair."""
        return {
            f"train/{path}": files[name]
            for pair, files in pairs
            for name, path in _numbered(pair).items()
        }

    def listing(self, pairs: Sequence[KeptPair]) -> dict[str, bytes]:
        """Return the metadata, in the order of the pairs."""
        rows = []
        for pair in pairs:
            told = _told(pair)
            provenance = told.pop("provenance")
            assert isinstance(provenance, dict)
            planes: dict[str, Json] = {
                f"{name.partition('.')[0]}_file_name": path
                for name, path in _numbered(pair).items()
            }
            # a column of scores that differ from pair to pair would be no table
            told["scores"] = canonical(told["scores"])
            rows.append({**planes, **told, **provenance})
        return {"train/metadata.jsonl": _lines(rows)}

    def usage(self, num_parts: int) -> str:
        """Return the line that reads it."""
        return (
            "    from datasets import load_dataset\n"
            '    pairs = load_dataset("imagefolder", data_dir=FOLDER, split="train")\n\n'
            "Columns `image` and `mask`, and what is known of each pair. With this page's header "
            "the folder is a repository of the Hub as it is."
        )


def _told(pair: KeptPair) -> dict[str, Json]:
    return {name: value for name, value in pair.record.items() if name not in _OWN_FIELDS}


def _numbered(pair: KeptPair) -> dict[str, str]:
    folder = f"{pair.number // _PER_FOLDER:04d}"
    image = _file(pair, "image")
    return {
        image: f"image/{folder}/{pair.id}.{image.partition('.')[2]}",
        "mask.png": f"mask/{folder}/{pair.id}.png",
    }


def _file(pair: KeptPair, plane: str) -> str:
    return next(name for name in pair.files if name.partition(".")[0] == plane)


def _planes(pair: KeptPair) -> set[str]:
    return {name.partition(".")[0] for name in pair.files}


def _lines(rows: Iterable[Mapping[str, Json]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
