from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.sample import MaskKind, Sample
from datamodules.shard_index import rejected_later
from datamodules.shard_pairs import ShardPairs
from tests.datamodules.generated_sets import toy_set
from tests.patchwork import patchwork
from train.audit import REPEATS, held_out_list, main


def write(folder: Path, pairs: dict[str, NDArray[np.uint8]]) -> Path:
    mask = np.zeros((160, 160), np.uint8)
    mask[40:120, 40:120] = 255
    for part in ("im", "gt"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, image in pairs.items():
        cv2.imwrite(str(folder / "im" / f"{name}.png"), image)
        cv2.imwrite(str(folder / "gt" / f"{name}.png"), mask)
    return folder


def rows(path: Path) -> list[list[str]]:
    return [line.split("\t")[:3] for line in path.read_text().splitlines()]


def test_list_of_a_folder_names_leaks_and_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = write(tmp_path / "set", {"a": patchwork(0), "b": patchwork(1), "c": patchwork(0)})
    test = write(tmp_path / "DIS-TE1", {"t": np.ascontiguousarray(patchwork(1)[:, ::-1])})
    main([str(made), "--against", str(test)])
    photo = str(test / "im" / "t.png")
    assert rows(made / held_out_list(test)) == [["b", "shows a held-out photo", photo]]
    assert rows(made / REPEATS) == [["c", "repeats a pair", "a"]]
    told = capsys.readouterr().err
    assert "2 pairs rejected, 1: repeats a pair, 1: shows a held-out photo" in told
    assert "1 held-out photos compared" in told


def test_photos_that_the_set_was_made_from_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = {f"p{k}": patchwork(k) for k in range(3)}
    made = iter(photos.items())

    def of_photo(sample: Sample) -> Sample:
        name, image = next(made)
        return replace(
            sample,
            image=torch.from_numpy(image[:, :, ::-1].transpose(2, 0, 1).copy()),
            mask=torch.full(image.shape[:2], 255, dtype=torch.uint8),
            provenance=replace(sample.provenance, parents=(f"DIS-TR/{name}",)),
        )

    toy_set(tmp_path / "set", 4, made=of_photo)
    train = write(tmp_path / "DIS-TR", photos)
    main([str(tmp_path / "set"), "--against", str(train)])
    told = capsys.readouterr().err
    assert "3 of 3 show the very photos that they were made from" in told
    undone = tmp_path / "set" / held_out_list(train)
    assert f"warning: {undone}" in told
    undone.unlink()
    assert not rejected_later(tmp_path / "set")


def test_few_hits_in_other_photos_are_no_reason_to_warn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = write(tmp_path / "set", {"a": patchwork(0), "b": patchwork(1)})
    test = write(tmp_path / "DIS-TE1", {"t": patchwork(1)})
    main([str(made), "--against", str(test)])
    assert "warning" not in capsys.readouterr().err


def test_audit_keeps_what_earlier_ones_found_in_other_folders(tmp_path: Path) -> None:
    made = write(tmp_path / "set", {name: patchwork(k) for k, name in enumerate("abc")})
    validation = write(tmp_path / "DIS-VD", {"v": patchwork(0)})
    test = write(tmp_path / "DIS-TE1", {"t": patchwork(1)})
    main([str(made), "--against", str(validation)])
    main([str(made), "--against", str(test)])
    main([str(made)])
    assert rejected_later(made) == {"a", "b"}
    (validation / "im" / "v.png").unlink()
    write(tmp_path / "DIS-VD", {"v": patchwork(2)})
    main([str(made), "--against", str(validation)])
    assert rejected_later(made) == {"b", "c"}  # the list of that folder is the latest audit's


def test_pair_that_only_rejected_ones_have_shown_stays(tmp_path: Path) -> None:
    made = write(tmp_path / "set", {"a": patchwork(0), "b": patchwork(0), "c": patchwork(0)})
    (made / "rejected_by_hand.txt").write_text("a\tugly\n")
    main([str(made)])
    assert rows(made / REPEATS) == [["c", "repeats a pair", "b"]]


@pytest.mark.parametrize("broken", ["DIS-TE1/im/u.avif", "set/im/u.png"])
def test_audit_passes_over_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    made = write(tmp_path / "set", {"a": patchwork(0)})
    test = write(tmp_path / "DIS-TE1", {"t": patchwork(1)})
    (tmp_path / broken).write_bytes(b"")
    with pytest.raises(SystemExit) as end:
        main([str(made), "--against", str(test)])
    assert end.value.code == 2
    assert str(tmp_path / broken) in capsys.readouterr().err
    assert not list(made.glob("rejected*"))


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
    photo = str(test / "im" / "t.png")
    assert rows(tmp_path / "set" / held_out_list(test)) == [
        [ids[1], "shows a held-out photo", photo]
    ]
    assert rows(tmp_path / "set" / REPEATS) == [[ids[3], "repeats a pair", ids[0]]]
    assert [entry.id for entry in ShardPairs(tmp_path / "set").entries] == [ids[0], ids[2]]


def test_folder_with_nothing_in_it_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path / "none")])
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "none") in line
