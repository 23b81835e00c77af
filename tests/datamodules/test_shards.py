import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from datamodules.decode import DecodeError
from datamodules.generation_plan import Plan, write_plan
from datamodules.generation_result import FinishedShard, Rejected, Seconds
from datamodules.sample import Sample
from datamodules.sample_record import PLANES, pack, record_of
from datamodules.shard_index import index_of, reject_lists, rejected_later, write_index
from datamodules.shards import (
    DONE,
    SHARDS,
    TAR,
    Facts,
    ShardReader,
    publish,
    published_shards,
    read_sample,
    remove_leftovers,
)
from tests.datamodules.generation_toys import toy_sample, toy_shard

ITEMS = ("toy~0", "toy~1", "toy~2")


def finished(*samples: Sample, ids: tuple[str, ...] = ITEMS) -> FinishedShard:
    kept = {sample.id for sample in samples}
    rejected = tuple(Rejected(id, "draft", "on the list") for id in ids if id not in kept)
    return FinishedShard(
        shard=toy_shard(*ids), samples=samples, rejected=rejected, seconds={"draft": Seconds(1.5)}
    )


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / SHARDS).iterdir())


def put(folder: Path, shard: FinishedShard, **facts: str) -> bool:
    return publish(folder, shard, plan="p", image_format="png", facts=dict(facts))


def assert_equal(found: Sample, expected: Sample) -> None:
    assert record_of(found) == record_of(expected)
    assert found.provenance == expected.provenance
    for name in PLANES:
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert torch.equal(one, other)


@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 64), (33, 2)])
@pytest.mark.parametrize("whole", [True, False])
def test_every_field_comes_back(tmp_path: Path, size: tuple[int, int], whole: bool) -> None:
    samples = [toy_sample(id, k, size=size, whole=whole) for k, id in enumerate(ITEMS)]
    assert put(tmp_path, finished(*samples))
    reader = ShardReader(tmp_path, "000000-toy")
    assert len(reader) == 3
    for place in (2, 0, 1):
        assert_equal(reader.sample(place), samples[place])
        assert_equal(read_sample(tmp_path, "000000-toy", place), samples[place])


def test_jpeg_stays_near_and_its_mask_exact(tmp_path: Path) -> None:
    flat = replace(toy_sample(), image=torch.full((3, 5, 7), 90, dtype=torch.uint8))
    publish(tmp_path, finished(flat), plan="p", image_format="jpg", facts={})
    found = read_sample(tmp_path, "000000-toy", 0)
    assert (found.image.int() - flat.image.int()).abs().max() <= 2
    assert torch.equal(found.mask, flat.mask)


def test_packed_samples_are_the_samples() -> None:
    samples = [toy_sample("a~0", 1, whole=True), toy_sample("b~0", 2, size=(1, 1))]
    packed = pack(samples)
    for found, expected in zip(packed.unpacked(), samples, strict=True):
        assert_equal(found, expected)
    assert pack([]).unpacked() == []


def test_done_record_tells_what_was_made_and_what_was_not(tmp_path: Path) -> None:
    shard = replace(finished(toy_sample("toy~1", 4)), scores={"toy~1": {"iou": 0.5}})
    put(tmp_path, shard, hardware="abacus")
    done = ShardReader(tmp_path, "000000-toy").done
    assert done["num_pairs"] == 1
    assert done["num_rejected"] == 2
    assert [each["id"] for each in done["rejected"]] == ["toy~0", "toy~2"]  # type: ignore[index, union-attr]
    assert done["rejected"][0]["reason"] == "on the list"  # type: ignore[index]
    assert done["hardware"] == "abacus"
    assert set(done["seconds"]) == {"draft", "write"}  # type: ignore[arg-type]
    pair = done["pairs"][0]  # type: ignore[index]
    assert pair["scores"] == {"iou": 0.5}  # type: ignore[index]
    assert pair["key"] == "toy~1~key"  # type: ignore[index]
    assert (
        done["sha256"] == sha256((tmp_path / SHARDS / "000000-toy" / TAR).read_bytes()).hexdigest()
    )


def test_any_tar_reader_finds_the_same_files(tmp_path: Path) -> None:
    put(tmp_path, finished(toy_sample("toy~1", 4)))
    with tarfile.open(tmp_path / SHARDS / "000000-toy" / TAR) as tar:
        names = tar.getnames()
        file = tar.extractfile("000000.json")
        assert file is not None
        record = json.loads(file.read())
    assert names == ["000000.image.png", "000000.mask.png", "000000.json"]
    assert record["id"] == "toy~1"


def test_shard_of_which_all_was_rejected_is_published(tmp_path: Path) -> None:
    assert put(tmp_path, finished())
    assert len(ShardReader(tmp_path, "000000-toy")) == 0
    assert published_shards(tmp_path) == ["000000-toy"]


def test_second_publication_leaves_the_first(tmp_path: Path) -> None:
    assert put(tmp_path, finished(toy_sample()), hardware="first")
    assert not put(tmp_path, finished(toy_sample()), hardware="second")
    assert ShardReader(tmp_path, "000000-toy").done["hardware"] == "first"
    assert entries(tmp_path) == ["000000-toy"]


def test_failed_publication_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / SHARDS).mkdir()
    # a file of its name: the rename fails after all has been written
    (tmp_path / SHARDS / "000000-toy").write_text("in the way")
    with pytest.raises(OSError, match="000000-toy"):
        put(tmp_path, finished(toy_sample()))
    assert entries(tmp_path) == ["000000-toy"]


def test_leftovers_of_dead_processes_are_removed_and_others_stay(tmp_path: Path) -> None:
    put(tmp_path, finished(toy_sample()))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = socket.gethostname()
    names = [f".{host}@{dead.pid}-x", f".{host}@{os.getppid()}-x", ".elsewhere@1-x"]
    for name in names:
        (tmp_path / SHARDS / name).mkdir()
    os.utime(tmp_path / SHARDS / names[2])
    remove_leftovers(tmp_path)
    assert entries(tmp_path) == sorted([names[1], names[2], "000000-toy"])
    os.utime(tmp_path / SHARDS / names[2], (0, 0))
    remove_leftovers(tmp_path)
    assert entries(tmp_path) == sorted([names[1], "000000-toy"])
    assert published_shards(tmp_path) == ["000000-toy"]


def test_leftover_that_vanishes_meanwhile_ends_no_start(tmp_path: Path) -> None:
    shards = tmp_path / SHARDS
    shards.mkdir()
    (shards / ".elsewhere@1-x").symlink_to(tmp_path / "gone")  # listed, and not to be looked at
    (shards / ".DS_Store").touch()
    os.utime(shards / ".DS_Store", (0, 0))
    remove_leftovers(tmp_path)
    assert entries(tmp_path) == [".DS_Store", ".elsewhere@1-x"]


def test_start_removes_old_temporaries_of_the_set(tmp_path: Path) -> None:
    (tmp_path / "index.json.a1.tmp").touch()
    os.utime(tmp_path / "index.json.a1.tmp", (0, 0))
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"format": 1, "sh', "is broken .*JSONDecodeError"),
        ("[]", "is broken"),
        ("{}", "is broken .*format"),
        ('{"format": 2}', "has format 2, this version reads 1"),
    ],
)
def test_broken_done_record_is_named(tmp_path: Path, text: str, what: str) -> None:
    put(tmp_path, finished(toy_sample()))
    (tmp_path / SHARDS / "000000-toy" / DONE).write_text(text)
    with pytest.raises(ValueError, match=rf"000000-toy/done\.json {what}.*train verify") as error:
        _ = ShardReader(tmp_path, "000000-toy").ids
    assert "\n" not in str(error.value)


def test_cut_off_tar_is_named(tmp_path: Path) -> None:
    put(tmp_path, finished(toy_sample()))
    path = tmp_path / SHARDS / "000000-toy" / TAR
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DecodeError, match=r"pairs\.tar: the file is cut off"):
        read_sample(tmp_path, "000000-toy", 0)


def planned(folder: Path) -> Path:
    write_plan(folder, Plan(recipe={}, keys=("a~0",), shard_size=1, seed=0))
    return folder


def test_index_digest_leaves_out_time_and_hardware(tmp_path: Path) -> None:
    def digest(name: str, sample: Sample, facts: Facts) -> str:
        folder = planned(tmp_path / name)
        publish(folder, finished(sample), plan="p", image_format="png", facts=facts)
        return write_index(folder).digest

    one = digest("one", toy_sample(), {"hardware": "abacus", "published": "now"})
    assert one == digest("two", toy_sample(), {"hardware": "slide rule"})
    assert one != digest("three", toy_sample(seed=1), {})
    assert one != digest("four", toy_sample("toy~1"), {})


def test_index_finds_every_pair(tmp_path: Path) -> None:
    folder = planned(tmp_path)
    put(folder, finished(toy_sample("toy~0"), toy_sample("toy~2")))
    assert index_of(folder).places == {"toy~0": ("000000-toy", 0), "toy~2": ("000000-toy", 1)}
    written = write_index(folder)
    assert json.loads((folder / "index.json").read_text())["digest"] == written.digest


def test_index_refuses_a_shard_under_another_name(tmp_path: Path) -> None:
    folder = planned(tmp_path)
    put(folder, finished(toy_sample()))
    shards = folder / SHARDS
    shutil.copytree(shards / "000000-toy", shards / "000000-toy.bak")
    with pytest.raises(ValueError, match=r"000000-toy\.bak holds shard 000000-toy: a copy"):
        write_index(folder)
    shutil.rmtree(shards / "000000-toy.bak")
    assert write_index(folder) == index_of(folder)


def test_later_rejections_are_read_from_all_lists(tmp_path: Path) -> None:
    (tmp_path / "rejected.txt").write_text("a~1\n\n  b~2 \n")
    (tmp_path / "rejected_near.txt").write_text("c~3\tlooks like b~2\n")
    assert rejected_later(tmp_path) == {"a~1", "b~2", "c~3"}
    assert rejected_later(tmp_path / "missing") == set()


def test_list_with_a_byte_order_mark_counts_whole_and_other_encodings_are_named(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rejected_by_hand.txt"
    path.write_text("a~1\r\nb~2\tblurred\r\n", "utf-8-sig")
    assert rejected_later(tmp_path) == {"a~1", "b~2"}
    assert reject_lists(tmp_path) == {"rejected_by_hand": {"a~1": "", "b~2": "blurred"}}
    path.write_text("a~1\n", "utf-16")
    with pytest.raises(ValueError, match=r"rejected_by_hand\.txt is no text in UTF-8"):
        rejected_later(tmp_path)
