"""A mixture is trained on alike whatever the workers, the ranks and the stops."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from callbacks.gallery import read_gallery
from train.cli import main

ROOT = Path(__file__).parents[2]
MIXTURE = str(ROOT / "configs" / "dis" / "mixture.yaml")
WriteConfig = Callable[..., str]
Config = dict  # type: ignore[type-arg]
NUM_STEPS = 9  # more than two epochs of the tiny set at batch 4
EDITS = "generation.edits"
EDITED_PAIRS = {
    "class_path": "generation.pair_synthesis.EditedPairs",
    "init_args": {
        "chains": [
            {"edits": [{"class_path": f"{EDITS}.diffeomorphism.Diffeomorphism"}]},
            {
                "edits": [
                    {"class_path": f"{EDITS}.view_change.ViewChange"},
                    {"class_path": f"{EDITS}.diffeomorphism.Diffeomorphism"},
                ]
            },
        ]
    },
}
FAILING = {
    "class_path": "mixture_toys.Negative",
    "init_args": {"failing": ["003", "006"]},
}


@pytest.fixture(autouse=True)
def one_thread(importable_toys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums depend on the number of threads in their last bits."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def mixed(
    synthesis: Config, *, num_workers: int = 0, kill_at: int = -1, signal: str = ""
) -> Callable[[Config], None]:
    recorder = {"kill_at": kill_at, "with_signal": signal}

    def change(config: Config) -> None:
        config["trainer"]["max_steps"] = NUM_STEPS
        config["trainer"]["callbacks"] = [{"class_path": "toys.Recorder", "init_args": recorder}]
        config["data"]["init_args"]["num_workers"] = num_workers
        config["data"]["init_args"]["mixture"] = {
            "share": {
                "class_path": "datamodules.mixture_share.Linear",
                "init_args": {"start": 0.9, "end": 0.5},
            },
            "real_only": 0.2,
            "weighting": {"classes": {"Ball": 2.0}, "complexity_power": 0.5},
            "synthesis": synthesis,
        }

    return change


def without_noise(change: Callable[[Config], None]) -> Callable[[Config], None]:
    def plain(config: Config) -> None:
        change(config)
        config["model"]["init_args"]["net"]["init_args"]["net"]["init_args"]["dropout"] = 0.0

    return plain


def steps_of(run: Path) -> dict[str, str]:
    lines = (run / "steps.0.txt").read_text().splitlines()
    return {line.split()[0]: line for line in lines}


def failures_of(run: Path) -> list[list[str]]:
    rows = []
    for path in run.glob("synthesis_failures.*.csv"):
        rows += list(csv.reader(path.read_text().splitlines()))[1:]
    return sorted(rows)


def run_in_process(config: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "train", "fit", "--config", config, *flags]
    return subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_run_outlives_failing_samples_and_names_them(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["fit", "--config", write_config(mixed(FAILING))])
    steps = steps_of(tmp_path / "run")
    assert len(steps) == NUM_STEPS
    ids = [id for line in steps.values() for id in line.split()[1:-1]]
    assert any("~negative" in id for id in ids)
    assert not any("~negative" in id for line in list(steps.values())[-2:] for id in line.split())
    rows = failures_of(tmp_path / "run")
    assert {id[-3:] for _, id, _ in rows} <= {"003", "006"}
    assert {reason for _, _, reason in rows} == {"it is on the list"}
    for batch, id, _ in rows:
        assert f" {id} " in steps[batch]  # the real pair stood in
    printed = capsys.readouterr().out
    assert f"{len(rows)} synthetic pairs of" in printed
    assert f"synthetic pairs to look at: {tmp_path / 'run/synthesis_gallery'}" in printed
    num_made = sum("~negative" in id for id in ids)
    assert json.loads((tmp_path / "run/synthesis.json").read_text()) == {
        "num_samples": NUM_STEPS * 4,
        "num_synthetic": num_made + len(rows),
        "num_failed": len(rows),
    }
    gallery = read_gallery(tmp_path / "run/synthesis_gallery")
    drawn = [id for line in steps.values() for id in line.split()[1:-1]]  # in the order of slots
    assert gallery.pairs
    assert all(drawn[pair.slot] == pair.made for pair in gallery.pairs)
    assert all(drawn[one.slot] == one.source for one in gallery.not_made)


@pytest.mark.slow
def test_continued_run_keeps_the_gallery_and_a_fresh_one_makes_its_own(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    gallery = tmp_path / "run/synthesis_gallery"
    with pytest.raises(RuntimeError, match="stopped on purpose"):
        main(["fit", "--config", write_config(mixed(EDITED_PAIRS, kill_at=5))])
    (gallery / "kept.txt").touch()
    main(["fit", "--config", write_config(mixed(EDITED_PAIRS)), "--ckpt_path", "last"])
    assert (gallery / "kept.txt").exists()
    main(["fit", "--config", write_config(mixed(EDITED_PAIRS))])
    assert (gallery / "gallery.json").exists()
    assert not (gallery / "kept.txt").exists()
    main(["fit", "--config", write_config()])  # without a mixture
    assert not gallery.exists()
    assert not (tmp_path / "run/synthesis.json").exists()


@pytest.mark.slow
def test_fresh_run_forgets_the_failures_of_the_one_before(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    config = write_config(mixed(FAILING))
    main(["fit", "--config", config])
    rows = failures_of(tmp_path / "run")
    assert rows
    main(["fit", "--config", config])
    assert failures_of(tmp_path / "run") == rows


@pytest.mark.slow
def test_every_run_leaves_its_data_stall(
    write_config: WriteConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def logged(config: Config) -> None:
        config["trainer"]["logger"] = {
            "class_path": "lightning.pytorch.loggers.CSVLogger",
            "init_args": {"save_dir": str(tmp_path / "log"), "name": "", "version": ""},
        }

    main(["fit", "--config", write_config(logged)])
    timing = json.loads((tmp_path / "run/timing.json").read_text())
    assert timing["num_batches"] == 6
    assert 0 < timing["data_stall"] < 1
    assert timing["data_stall"] == pytest.approx(timing["seconds_waited"] / timing["seconds"])
    assert "data stall: " in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "log/metrics.csv").read_text().splitlines()))
    assert all(0 <= float(row["train/data_stall"]) <= 1 for row in rows if row["train/loss"])


@pytest.mark.slow
def test_trained_mask_editor_takes_one_flag(capsys: pytest.CaptureFixture[str]) -> None:
    """The flag stands in the head of the shipped configuration."""
    head = [line[1:].strip() for line in Path(MIXTURE).read_text().splitlines() if line[0] == "#"]
    text = " ".join(head)
    flag = text[text.index("--data.mixture") :]
    name, value = flag.split(" ", 1)
    with pytest.raises(SystemExit) as leaving:
        main(["fit", "--config", MIXTURE, name, value.strip("'"), "--print_config"])
    assert leaving.value.code == 0
    resolved = yaml.safe_load(capsys.readouterr().out)
    (chain,) = resolved["data"]["init_args"]["mixture"]["synthesis"]["init_args"]["chains"]
    (edit,) = chain["edits"]
    assert edit["class_path"] == "generation.edits.adversarial.AdversarialEdit"
    assert edit["init_args"]["net"]["init_args"]["weights"].endswith("weights.safetensors")


@pytest.mark.slow
def test_workers_change_nothing(write_config: WriteConfig, tmp_path: Path) -> None:
    for num_workers in (0, 1, 2):
        name = f"workers_{num_workers}"
        main(
            [
                "fit",
                "--config",
                write_config(mixed(EDITED_PAIRS, num_workers=num_workers), name=name),
            ]
        )
    steps = [steps_of(tmp_path / f"workers_{num_workers}") for num_workers in (0, 1, 2)]
    assert steps[0] == steps[1] == steps[2]
    assert any("~view" in line for line in steps[0].values())


@pytest.mark.slow
@pytest.mark.parametrize("synthesis", [EDITED_PAIRS, FAILING])
def test_stopped_and_continued_run_meets_the_same_pixels_and_failures(
    synthesis: Config, write_config: WriteConfig, tmp_path: Path
) -> None:
    main(["fit", "--config", write_config(mixed(synthesis), name="undisturbed")])
    expected = steps_of(tmp_path / "undisturbed")
    for stopped_at in (2, 5):
        name = f"stopped_at_{stopped_at}"
        with pytest.raises(RuntimeError, match="stopped on purpose"):
            main(["fit", "--config", write_config(mixed(synthesis, kill_at=stopped_at), name=name)])
        continued = write_config(mixed(synthesis), name=name)
        main(["fit", "--config", continued, "--ckpt_path", "last"])
        assert steps_of(tmp_path / name) == expected
        assert failures_of(tmp_path / name) == failures_of(tmp_path / "undisturbed")


@pytest.mark.slow
def test_killed_run_with_workers_continues_bit_for_bit(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    main(["fit", "--config", write_config(mixed(FAILING), name="undisturbed")])
    killed = write_config(mixed(FAILING, num_workers=2, kill_at=5, signal="SIGKILL"), name="killed")
    # the last checkpoint is of batch 4: batch 4 is met twice
    assert run_in_process(killed, "--checkpoint.every_n_steps", "2").returncode != 0
    continued = write_config(mixed(FAILING, num_workers=2), name="killed")
    assert run_in_process(continued, "--ckpt_path", "last").returncode == 0
    assert steps_of(tmp_path / "killed") == steps_of(tmp_path / "undisturbed")
    assert failures_of(tmp_path / "killed") == failures_of(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize("synthesis", [EDITED_PAIRS, FAILING])
def test_two_ranks_are_one(synthesis: Config, write_config: WriteConfig, tmp_path: Path) -> None:
    change = without_noise(mixed(synthesis))
    one, two = (write_config(change, name=name) for name in ("one", "two"))
    main(["fit", "--config", one])
    flags = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    process = run_in_process(two, *flags)
    assert process.returncode == 0, process.stdout + process.stderr
    rows = [
        [line.split()[1:-1] for line in (tmp_path / "two" / name).read_text().splitlines()]
        for name in ("steps.0.txt", "steps.1.txt")
    ]
    ids = [line.split()[1:-1] for line in steps_of(tmp_path / "one").values()]
    assert [first + second for first, second in zip(*rows, strict=True)] == ids
    assert failures_of(tmp_path / "two") == failures_of(tmp_path / "one")
    expected = load_file(tmp_path / "one/weights.safetensors")
    found = load_file(tmp_path / "two/weights.safetensors")
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, atol=1e-5, rtol=1e-5)
