import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from callbacks.checkpoint_io import AtomicCheckpointIO

SMALL = {"step": 1, "weights": torch.arange(10.0)}
LARGE = {"step": 2, "weights": torch.zeros(100_000)}


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Let the system refuse to write more, as a full disk does; Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(SMALL, path)
    loaded = AtomicCheckpointIO().load_checkpoint(path)
    assert loaded["step"] == 1
    assert torch.equal(loaded["weights"], SMALL["weights"])
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


# 0: nothing can be written; 200: not even the archive's head; 100000: in the middle of a tensor
@pytest.mark.parametrize("room", [0, 200, 100_000])
def test_failed_write_leaves_the_earlier_checkpoint_and_no_half_file(
    room: int, tmp_path: Path
) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(SMALL, path)
    before = path.read_bytes()
    with (
        largest_file(room),
        pytest.raises(OSError, match=r"File too large.*--ckpt_path last.*last\.ckpt"),
    ):
        AtomicCheckpointIO().save_checkpoint(LARGE, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        AtomicCheckpointIO().save_checkpoint(SMALL, tmp_path / "file" / "last.ckpt")


def test_what_a_kill_left_behind_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".last.ckpt.part").write_bytes(b"half a checkpoint")
    AtomicCheckpointIO().save_checkpoint(SMALL, tmp_path / "last.ckpt")
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_error_that_is_not_of_the_disk_passes_through(tmp_path: Path) -> None:
    with pytest.raises(AttributeError):
        AtomicCheckpointIO().save_checkpoint({"f": lambda: None}, tmp_path / "last.ckpt")
    assert list(tmp_path.iterdir()) == []
