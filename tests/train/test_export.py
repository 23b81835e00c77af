from functools import partial
from pathlib import Path

import pytest

from tests.datamodules.generated_sets import licensed, toy_set
from train.export import LAYOUTS, main


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_written_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str
) -> None:
    toy_set(tmp_path / "set")
    command = [str(tmp_path / "set"), str(tmp_path / "out"), "--to", layout]
    main(command)
    assert f"{tmp_path / 'out'} holds the export\n" in capsys.readouterr().err
    main(command)
    assert "holds this export already" in capsys.readouterr().err
    assert (tmp_path / "out" / "README.md").is_file()


def test_refusal_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy_set(tmp_path / "set", made=partial(licensed, licence="CC-BY-ND-4.0"))
    command = [str(tmp_path / "set"), str(tmp_path / "out"), "--to", "dis5k"]
    with pytest.raises(SystemExit) as leaving:
        main(command)
    assert leaving.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "CC-BY-ND-4.0 allows no derivatives" in line
    main([*command, "--licence-checked", "the authors agreed", "--credit", "by Ann"])
    assert "the authors agreed" in (tmp_path / "out" / "README.md").read_text()
