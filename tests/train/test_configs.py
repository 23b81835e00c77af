"""Every shipped configuration is parsed as it is, and runs for a batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
OVERLAYS = ROOT / "tests" / "overlays"
QUICKSTART = str(CONFIGS / "quickstart.yaml")


def names(*patterns: str) -> list[str]:
    paths = [path for pattern in patterns for path in sorted(CONFIGS.glob(pattern))]
    return [str(path.relative_to(CONFIGS)) for path in paths]


PREDICT, SCORE = "dis/predict.yaml", "dis/score_folder.yaml"  # run by tests of their own
MASACTRL = "mask_editor/masactrl.yaml"  # run in test_masactrl_runs.py
SAM_HQ = "dis/sam_hq.yaml"  # run in test_sam_hq_runs.py
SHARED = {*names("*.yaml", "dis/*.yaml", "mask_editor/*.yaml", "generation/train_*.yaml")}
EXPERIMENTS = sorted(SHARED - {PREDICT, SCORE, MASACTRL, SAM_HQ})
PARTS = names("trainer/*.yaml", "logger/*.yaml")
# run in test_open_vocabulary_runs.py, test_teacher_runs.py and test_magicseg.py
OPEN_VOCABULARY = names("open_vocabulary/*.yaml")
SETS = names(
    "open_vocabulary/sets/*.yaml"
)  # over one of those; run in test_open_vocabulary_runs.py
TRAINING_FREE = str(CONFIGS / "open_vocabulary" / "training_free.yaml")
SIMILARITY = names("similarity/*.yaml")  # run in test_similarity.py
# run in test_generation.py, test_maskfactory.py, test_magicseg.py and test_tiny_clip.py
GENERATION = sorted({*names("generation/*.yaml")} - SHARED)
CLIP_SEG = names("clip_seg/*.yaml")  # run in test_clip_seg_runs.py


def test_every_configuration_is_covered_here() -> None:
    covered = {*EXPERIMENTS, *PARTS, *SIMILARITY, *GENERATION, *CLIP_SEG, PREDICT, SCORE, MASACTRL}
    covered |= {*OPEN_VOCABULARY, *SETS, SAM_HQ}
    assert covered == set(names("**/*.yaml"))


@pytest.mark.parametrize("name", names("**/*.yaml"))
def test_configuration_is_at_most_forty_lines(name: str) -> None:
    assert len((CONFIGS / name).read_text().splitlines()) <= 40


@pytest.mark.slow
@pytest.mark.parametrize("name", names("**/*.yaml"))
def test_configuration_parses_as_shipped(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    tests = [*SIMILARITY, *OPEN_VOCABULARY, *SETS, SCORE]
    command = "predict" if name in {PREDICT, *GENERATION} else "test" if name in tests else "fit"
    below = QUICKSTART if name in PARTS else TRAINING_FREE if name in SETS else ""
    before = ["--config", below] if below else []
    with pytest.raises(SystemExit) as leaving:
        main([command, *before, "--config", str(CONFIGS / name), "--print_config"])
    assert leaving.value.code == 0
    resolved = yaml.safe_load(capsys.readouterr().out)
    shipped = yaml.safe_load((CONFIGS / name).read_text())
    assert resolved["trainer"].items() >= scalars(shipped.get("trainer", {})).items()


def scalars(section: dict[str, object]) -> dict[str, object]:
    return {key: v for key, v in section.items() if isinstance(v, int | str | float | None)}


def run_a_batch(*flags: str) -> None:
    main(["fit", *flags, "--trainer.fast_dev_run", "1", "--trainer.enable_progress_bar", "false"])


# Some take less than a second, but the fast tests must stay below a minute together.
@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_runs_a_batch(name: str, tiny_set: Path, tmp_path: Path) -> None:
    has_source = "source" in yaml.safe_load((CONFIGS / name).read_text())["data"]["init_args"]
    root = tmp_path / "made" if has_source else tiny_set
    run_a_batch(
        *("--config", str(CONFIGS / name), "--config", str(OVERLAYS / name)),
        *("--trainer.accelerator", "cpu", "--trainer.default_root_dir", str(tmp_path)),
        *("--data.root", str(root), "--data.cache", str(tmp_path / "cache")),
    )
    assert (tmp_path / "cache" / "checked.json").is_file()  # the tiny set was read, not another


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PARTS if "gpu" not in name])
def test_part_runs_a_batch(name: str, tmp_path: Path) -> None:
    flags = {
        "trainer/ddp.yaml": ["--trainer.accelerator", "cpu", "--trainer.devices", "1"],
        "logger/csv.yaml": ["--trainer.logger.init_args.save_dir", str(tmp_path)],
        "logger/wandb.yaml": [
            *("--trainer.logger.init_args.save_dir", str(tmp_path)),
            *("--trainer.logger.init_args.offline", "true"),
        ],
    }
    arguments = [
        *("fit", "--config", QUICKSTART, "--config", str(OVERLAYS / "quickstart.yaml")),
        *("--config", str(CONFIGS / name), *flags.get(name, [])),
        *("--trainer.max_steps", "1", "--trainer.val_check_interval", "1"),
        *("--trainer.log_every_n_steps", "1"),
        *("--trainer.default_root_dir", str(tmp_path / "run")),
        *("--data.root", str(tmp_path / "made"), "--data.cache", str(tmp_path / "cache")),
    ]
    if "ddp" in name:  # its process group, with its port, would outlive the run in this process
        command = [sys.executable, "-m", "train", *arguments]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    else:
        main(arguments)
    assert (tmp_path / "run" / "weights.safetensors").is_file()
