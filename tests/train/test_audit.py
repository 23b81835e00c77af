from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

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


def test_folder_with_nothing_in_it_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path / "none")])
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "none") in line
