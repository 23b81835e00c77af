import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from datamodules.shard_files import read_places, tar_of

CONTENTS = [b"", b"x", b"y" * 512, b"z" * 513]


def as_ustar(files: list[tuple[str, bytes]]) -> bytes:
    whole = BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
    return whole.getvalue()


def test_tar_of_short_names_is_the_oldest_format(tmp_path: Path) -> None:
    files = [(f"{number:06d}.mask.png", data) for number, data in enumerate(CONTENTS)]
    assert tar_of(files)[0] == as_ustar(files)


@pytest.mark.parametrize("name", ["a", "b" * 100, "c" * 101, "d" * 700, "\u00e4"])
def test_files_are_found_at_their_places_whatever_their_names(tmp_path: Path, name: str) -> None:
    files = [(f"{name}.{number}", data) for number, data in enumerate(CONTENTS)]
    whole, places = tar_of(files)
    path = tmp_path / "pairs.tar"
    path.write_bytes(whole)
    by_name = {own: place for (own, _), place in zip(files, places, strict=True)}
    assert read_places(path, by_name) == dict(files)
    with tarfile.open(path) as tar:
        assert tar.getnames() == [own for own, _ in files]
