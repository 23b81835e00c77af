from hashlib import sha256
from pathlib import Path

import pytest

from datamodules.content_hash import content_hashes
from datamodules.decode import DecodeError


@pytest.mark.parametrize("content", [b"", b"a", b"abc" * 100_000])
def test_hash_is_of_the_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert content_hashes([path]) == {path: sha256(content).hexdigest()}


def test_changed_file_of_the_same_size_is_read_again(tmp_path: Path) -> None:
    path, memory = tmp_path / "a", tmp_path / "cache" / "hashes.json"
    path.write_bytes(b"one")
    first = content_hashes([path], memory=memory)
    path.write_bytes(b"two")
    assert content_hashes([path], memory=memory) == {path: sha256(b"two").hexdigest()} != first


def test_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path, memory = tmp_path / "a", tmp_path / "hashes.json"
    path.write_bytes(b"one")
    digest = content_hashes([path], memory=memory)[path]
    memory.write_text(memory.read_text().replace(digest, "remembered"))
    assert content_hashes([path], memory=memory) == {path: "remembered"}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}', '{"format": 0, "hashes": {}}'])
def test_broken_memory_costs_a_new_look_and_is_mended(tmp_path: Path, text: str) -> None:
    path, memory = tmp_path / "a", tmp_path / "hashes.json"
    path.write_bytes(b"one")
    memory.write_text(text)
    assert content_hashes([path], memory=memory) == {path: sha256(b"one").hexdigest()}
    assert sha256(b"one").hexdigest() in memory.read_text()


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="gone: cannot be read"):
        content_hashes([tmp_path / "gone"])
