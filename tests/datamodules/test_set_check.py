import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules.json_value import Json
from datamodules.set_check import SetCheck, check_set
from datamodules.shards import DONE, SHARDS, TAR, published_shards
from tests.datamodules.generated_sets import toy_set


def file(folder: Path, shard: int, name: str) -> Path:
    return folder / SHARDS / published_shards(folder)[shard] / name


def change(path: Path, edit: Callable[[dict[str, Json]], object]) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def said(found: SetCheck) -> str:
    return "\n".join(str(fault) for fault in found.faults)


def test_whole_set_is_whole(tmp_path: Path) -> None:
    toy_set(tmp_path)
    found = check_set(tmp_path)
    assert found.is_whole
    assert (found.num_shards, found.num_pairs, found.num_missing) == (3, 4, 0)


def test_stopped_run_has_no_fault_and_is_not_whole(tmp_path: Path) -> None:
    toy_set(tmp_path, last=1)
    found = check_set(tmp_path)
    assert not found.is_whole
    assert found.faults == ()
    assert (len(found.missing), found.num_missing) == (2, 3)


def test_folder_without_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no plan"):
        check_set(tmp_path)


@pytest.mark.parametrize("place", [600, -1200])
def test_flipped_byte_is_found(tmp_path: Path, place: int) -> None:
    toy_set(tmp_path)
    tar = file(tmp_path, 1, TAR)
    data = bytearray(tar.read_bytes())
    data[place] ^= 255
    tar.write_bytes(data)
    assert "the checksum of pairs.tar is not that of done.json" in said(check_set(tmp_path))


def test_broken_picture_is_named_with_its_pair(tmp_path: Path) -> None:
    ids = toy_set(tmp_path)
    tar = file(tmp_path, 1, TAR)
    data = tar.read_bytes()
    offset = json.loads(file(tmp_path, 1, DONE).read_text())["pairs"][0]["files"]["mask.png"][0]
    tar.write_bytes(data[:offset] + b"none" + data[offset + 4 :])
    shard = tar.parent.name
    assert f"{shard}, {ids[1]}: mask.png cannot be decoded; remove" in said(check_set(tmp_path))


def test_cut_and_missing_tar_are_found(tmp_path: Path) -> None:
    toy_set(tmp_path)
    file(tmp_path, 0, TAR).write_bytes(file(tmp_path, 0, TAR).read_bytes()[:2000])
    file(tmp_path, 1, TAR).unlink()
    text = said(check_set(tmp_path))
    assert "pairs.tar has 2,000 bytes" in text
    assert "pairs.tar cannot be read (No such file" in text


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}'])
def test_broken_done_record_is_one_fault(tmp_path: Path, text: str) -> None:
    toy_set(tmp_path)
    file(tmp_path, 1, DONE).write_text(text)
    (fault,) = check_set(tmp_path).faults
    assert "done.json is missing or broken" in str(fault)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda done: done.update(num_pairs=9), "num_pairs 9, and lists 2"),
        (lambda done: done.update(plan="x"), "made for another plan"),
        (lambda done: done.update(shard="x"), "is that of shard x"),
        (lambda done: done["pairs"][0].update(id="x"), "x is not in the plan of this shard"),
        (lambda done: done["pairs"].pop(), "is neither kept nor rejected"),
        (lambda done: done["pairs"].append(done["pairs"][0]), "comes 2 times"),
        (lambda done: done["pairs"][0].update(prompt="x"), "record in the tar is another one"),
        (lambda done: done["pairs"][0].update(files=None), "names no files"),
        (lambda done: done["pairs"][0]["files"].update({"mask.png": 5}), "not where its record"),
        (lambda done: done["pairs"][0]["files"].pop("mask.png"), "'mask' is missing"),
    ],
)
def test_changed_done_record_is_told(
    tmp_path: Path, edit: Callable[[dict[str, Json]], object], what: str
) -> None:
    toy_set(tmp_path)
    change(file(tmp_path, 1, DONE), edit)
    assert what in said(check_set(tmp_path))


def test_foreign_and_stale_parts_are_told(tmp_path: Path) -> None:
    toy_set(tmp_path)
    shutil.copytree(file(tmp_path, 0, ""), tmp_path / SHARDS / "000009-other")
    (tmp_path / "rejected_by_hand.txt").write_text("toy~nobody\n")
    text = said(check_set(tmp_path))
    assert "000009-other: it is not in the plan" in text
    assert "index.json is not that of the shards" in text
    assert "toy~nobody: it is on a reject list and not in the set" in text
    (tmp_path / "index.json").unlink()
    assert "there is no index.json" in said(check_set(tmp_path))
