"""MaskFactory's two stages through the factory, with tiny random models."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from datamodules.shard_index import index_of
from datamodules.shards import ShardReader, published_shards
from tests.train.maskfactory_toys import tiny, write_models
from tests.train.test_generation import start, wait_for_a_shard
from train import page, verify
from train.cli import main

CONFIGS = Path(__file__).parents[2] / "configs" / "generation"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maskfactory_sd15", "maskfactory_sdxl"])
def test_missing_weights_end_in_one_line_with_id_place_and_cure(
    name: str, tmp_path: Path, offline: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(
            [
                *("predict", "--config", str(CONFIGS / f"{name}.yaml")),
                *("--trainer.accelerator", "cpu", "--data.folder", str(tmp_path / "set")),
            ]
        )
    assert leaving.value.code == 2
    (line,) = (x for x in capsys.readouterr().err.splitlines() if x.startswith("error"))
    for part in ("kxic/zero123-xl", "cache", "hf download", "configs/generation/maskfactory.yaml"):
        assert part in line
    assert line.startswith("error: model ")
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maskfactory_sd15", "maskfactory_sdxl"])
def test_full_configuration_makes_pairs_with_folders_in_place_of_hub_ids(
    name: str, models: dict[str, str], tmp_path: Path, make_set: Callable[..., Path], offline: None
) -> None:
    root = make_set(tmp_path / "masks", train=5, val=1, test=1)
    main(tiny(name, models, tmp_path / "set", root))
    verify.main([str(tmp_path / "set")])
    index = index_of(tmp_path / "set")
    made = {shard.id: ShardReader(tmp_path / "set", shard.id) for shard in index.shards}
    pairs = [pair for reader in made.values() for pair in reader.pairs]
    assert pairs
    for pair in pairs:
        assert {"image_text_cosine", "second_labeler_iou", "object_share"} <= set(pair["scores"])
        assert pair["prompt"]
        provenance = pair["provenance"]
        assert "LicenseRef" not in str(provenance["licence"])  # that of the photos is not known
        assert provenance["parents"][0].startswith("DIS-TR/")
    kinds = {edit.partition("(")[0] for pair in pairs for edit in pair["provenance"]["edits"]}
    assert kinds == {"zero123", "masactrl", "controlnet"}
    seconds = next(iter(made.values())).done["seconds"]
    assert set(seconds) == {"draft", "edit", "paint", "filter", "write"}


@pytest.mark.slow
def test_offline_configuration_makes_a_verified_set_with_page_and_grid(
    models: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = tiny("maskfactory", models, tmp_path / "set")
    main(command)
    verify.main([str(tmp_path / "set")])
    page.main([str(tmp_path / "set")])
    assert (tmp_path / "set" / "page" / "index.html").is_file()
    grid = cv2.imread(str(tmp_path / "set" / "method_grid.png"))
    assert grid is not None
    assert grid.shape[0] == 24 + 3 * 164  # bed, bench and gate
    # a run that ended before its pictures were written makes them good
    (tmp_path / "set" / "method_grid.png").unlink()
    main(command)
    assert "nothing left to do" in capsys.readouterr().err
    assert (tmp_path / "set" / "method_grid.png").is_file()


@pytest.mark.slow
def test_killed_run_goes_on_to_the_same_set(models: dict[str, str], tmp_path: Path) -> None:
    main(tiny("maskfactory", models, tmp_path / "undisturbed", per_mask=4))
    command = tiny("maskfactory", models, tmp_path / "set", per_mask=4)
    process = start(["-m", "train", *command])
    wait_for_a_shard(tmp_path / "set")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(published_shards(tmp_path / "set")) < 4
    main(command)
    assert index_of(tmp_path / "set").digest == index_of(tmp_path / "undisturbed").digest
