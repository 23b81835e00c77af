from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.sample import MaskKind, Sample
from datamodules.shard_pairs import ShardPairs
from tests.datamodules.generated_sets import toy_set
from tests.patchwork import patchwork
from train.audit import REJECTED, main


def write(folder: Path, pairs: dict[str, NDArray[np.uint8]]) -> Path:
    mask = np.zeros((160, 160), np.uint8)
    mask[40:120, 40:120] = 255
    for part in ("im", "gt"):
        (folder / part).mkdir(parents=True)
    for name, image in pairs.items():
        cv2.imwrite(str(folder / "im" / f"{name}.png"), image)
        cv2.imwrite(str(folder / "gt" / f"{name}.png"), mask)
    return folder


def test_list_of_a_folder_names_leaks_and_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = write(tmp_path / "set", {"a": patchwork(0), "b": patchwork(1), "c": patchwork(0)})
    test = write(tmp_path / "DIS-TE1", {"t": np.ascontiguousarray(patchwork(1)[:, ::-1])})
    main([str(made), "--against", str(test)])
    rows = [line.split("\t") for line in (made / REJECTED).read_text().splitlines()]
    assert [row[:3] for row in rows] == [
        ["b", "shows a held-out photo", str(test / "im" / "t.png")],
        ["c", "repeats a pair", "a"],
    ]
    assert "2 pairs rejected, 1: repeats a pair, 1: shows a held-out photo" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("kind", list(MaskKind))
def test_list_of_shards_is_one_that_readers_honour(tmp_path: Path, kind: MaskKind) -> None:
    # of the patchwork of each pair; toy.1 is not in the set
    number = {"toy.0": 0, "toy.2": 1, "toy.3": 2, "toy.4": 0}

    def made(sample: Sample) -> Sample:
        image = patchwork(number[sample.id.partition("~")[0]])
        mask = torch.zeros(160, 160, dtype=torch.uint8)
        mask[40:120, 40:120] = 255 if kind is MaskKind.ALPHA else 1
        names = ("toy",) if kind is MaskKind.ALPHA else ("background", "toy")
        planes = torch.from_numpy(image.transpose(2, 0, 1).copy()), mask
        return replace(sample, image=planes[0], mask=planes[1], mask_kind=kind, class_names=names)

    ids = toy_set(tmp_path / "set", made=made)
    test = write(tmp_path / "DIS-TE1", {"t": np.ascontiguousarray(patchwork(1)[..., ::-1])})
    main([str(tmp_path / "set"), "--against", str(test)])
    rows = [x.split("\t") for x in (tmp_path / "set" / REJECTED).read_text().splitlines()]
    assert [row[:3] for row in rows] == [
        [ids[1], "shows a held-out photo", str(test / "im" / "t.png")],
        [ids[3], "repeats a pair", ids[0]],
    ]
    assert [entry.id for entry in ShardPairs(tmp_path / "set").entries] == [ids[0], ids[2]]


def test_folder_with_nothing_in_it_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path / "none")])
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "none") in line
