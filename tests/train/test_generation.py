"""A set is made once: whole runs, killed runs, several processes, full disks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from socket import socket

import pytest
import yaml

from benchmarks.generation_kills import children
from datamodules.generation_plan import read_plan
from datamodules.shard_index import index_of
from datamodules.shards import ShardReader, published_shards
from train.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "generation"
WRITER = (
    '[{"class_path": "callbacks.shard_writer.ShardWriter", "init_args": {"image_format": "%s"}}]'
)
pytestmark = pytest.mark.slow


def toys(folder: Path, *flags: str, number: int = 12) -> list[str]:
    """The procedural configuration with a source of noise: shards of two, in milliseconds.

    Its filters stay: what they measure stands in the tars whose hashes are compared.
    """
    source = {
        "class_path": "tests.datamodules.generation_toys.ToyDrafts",
        "init_args": {"number": number, "failing": 5, "blank": 7},
    }
    overlay = {
        "trainer": {"accelerator": "cpu", "default_root_dir": f"{folder}.run"},
        "data": {"init_args": {"folder": str(folder), "shard_size": 2, "num_workers": 0}},
    }
    path = folder.with_suffix(".yaml")
    base = yaml.safe_load((CONFIGS / "procedural.yaml").read_text())
    for section, values in overlay.items():
        target = base[section]
        for key, value in values.items():
            target[key] = {**target[key], **value} if isinstance(value, dict) else value
    base["data"]["init_args"]["source"] = source
    path.write_text(yaml.safe_dump(base))
    return ["predict", "--config", str(path), *flags]


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    # A group that torchrun restarts must not meet the addresses of the one before it, which a
    # store shared by both still holds (pytorch/pytorch#135712).
    environment = {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    output = process.communicate(timeout=600)[0]
    assert process.returncode == 0, output
    return output


def wait_for_a_shard(folder: Path) -> None:
    limit = time.monotonic() + 300
    while not published_shards(folder):
        assert time.monotonic() < limit
        time.sleep(0.01)


def assert_whole(folder: Path, undisturbed: Path) -> None:
    index = index_of(folder)
    made = [id for shard in index.shards for id in shard.ids]
    made += [each[0] for shard in index.shards for each in shard.rejected]
    readers = [ShardReader(folder, shard.id) for shard in index.shards]
    assert all(pair["scores"] for reader in readers for pair in reader.pairs)
    judges = {each[1] for shard in index.shards for each in shard.rejected}
    assert judges == ({"draft", "Blankness"} if len(made) > 7 else {"draft"})
    planned = [item.id for shard in read_plan(folder).shards for item in shard.items]
    assert sorted(made) == sorted(planned)
    assert index.digest == index_of(undisturbed).digest
    assert json.loads((folder / "index.json").read_text())["digest"] == index.digest


def test_shipped_configurations_make_sets_from_a_fresh_clone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--trainer.accelerator", "cpu", "--data.num_workers", "0", "--data.shard_size", "2"]
    for name, flags in {
        "procedural": ["--data.source.number", "3", "--data.source.scenes.size", "32"],
        "warp": [
            *("--data.source.root", str(tmp_path / "photos"), "--data.source.size", "48"),
            *("--data.source.source.size", "48", "--data.source.cache", str(tmp_path / "cache")),
            *("--data.source.source.counts", '{"DIS-TR": 3, "DIS-VD": 1, "DIS-TE1": 1}'),
        ],
    }.items():
        folder = tmp_path / name
        run = ["--data.folder", str(folder), "--trainer.default_root_dir", f"{folder}.run"]
        main(["predict", "--config", str(CONFIGS / f"{name}.yaml"), *common, *flags, *run])
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["num_missing"] == 0
        assert summary["num_pairs"] > 0
        assert (folder / "contact_sheet.png").read_bytes()[:4] == b"\x89PNG"
        assert f"in {folder}" in capsys.readouterr().out
    # at 48 px most edits of thin objects lose a hole; at times all of a shard are rejected
    shards = [ShardReader(tmp_path / "warp", id) for id in published_shards(tmp_path / "warp")]
    pair = next(shard for shard in shards if len(shard)).sample(0)
    assert pair.provenance.edits[-1] == "warp"
    assert all(parent.startswith("DIS-TR/") for parent in pair.provenance.parents)


def test_finished_set_is_left_alone_and_another_recipe_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = toys(tmp_path / "set")
    main(command)
    made = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "set/shards").rglob("*"))
    main(command)
    assert "nothing left to do" in capsys.readouterr().err
    assert made == sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "set/shards").rglob("*"))
    # workers and devices are no part of the recipe
    main([*command, "--data.num_workers", "1"])
    with pytest.raises(SystemExit) as leaving:
        main([*command, "--data.source.failing", "3"])
    assert leaving.value.code == 2
    (line,) = (x for x in capsys.readouterr().err.splitlines() if x.startswith("error"))
    assert "source.init_args.failing (5, now 3)" in line


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (["--trainer.precision", "bf16-mixed"], "another precision (32-true, now bf16-mixed)"),
        (["--trainer.callbacks", WRITER % "png"], "another image_format (jpg, now png)"),
    ],
)
def test_other_precision_or_format_of_images_is_another_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], what: str
) -> None:
    command = toys(tmp_path / "set", number=1)
    main(command)
    main([*command, "--trainer.precision", "32", "--trainer.callbacks", WRITER % "jpg"])
    with pytest.raises(SystemExit) as leaving:
        main([*command, *flags])
    assert leaving.value.code == 2
    assert what in capsys.readouterr().err


def test_run_that_would_publish_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([*toys(tmp_path / "set"), "--trainer.callbacks", "[]"])
    assert leaving.value.code == 2
    assert "nothing would publish the pairs" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_only_the_first_process_finishes_a_set_of_which_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(toys(tmp_path / "set"))
    (tmp_path / "set" / "summary.json").unlink()
    ranks = {"RANK": "1", "LOCAL_RANK": "1", "GROUP_RANK": "0"}
    sizes = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "1"}
    for name, value in (ranks | sizes).items():
        monkeypatch.setenv(name, value)  # as torchrun does for the second of two processes
    command = toys(tmp_path / "set", "--trainer.devices", "2", "--trainer.strategy", "ddp")
    output = finish(start(["-m", "train", *command]))
    assert not (tmp_path / "set" / "summary.json").exists()
    assert "nothing left" not in output
    assert "planned" not in output


def test_unwritable_place_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    command = [*toys(tmp_path / "set"), "--data.folder", str(tmp_path / "file" / "set")]
    with pytest.raises(SystemExit) as leaving:
        main(command)
    assert leaving.value.code == 2
    assert "file" in capsys.readouterr().err.splitlines()[-1]


def test_killed_run_goes_on_to_the_same_set(tmp_path: Path) -> None:
    main(toys(tmp_path / "undisturbed", number=400))
    process = start(["-m", "train", *toys(tmp_path / "set", number=400)])
    wait_for_a_shard(tmp_path / "set")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(published_shards(tmp_path / "set")) < 200
    main(toys(tmp_path / "set", number=400))
    assert_whole(tmp_path / "set", tmp_path / "undisturbed")


def test_two_processes_make_the_set_of_one_even_where_one_has_nothing_to_do(
    tmp_path: Path,
) -> None:
    for number in (11, 2):
        one, two = tmp_path / f"one{number}", tmp_path / f"two{number}"
        main(toys(one, number=number))
        ddp = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
        finish(start(["-m", "train", *toys(two, *ddp, number=number)]))
        assert_whole(two, one)


def test_torchrun_restarts_the_group_of_a_killed_worker(tmp_path: Path) -> None:
    main(toys(tmp_path / "undisturbed", number=400))
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=2"]
    ddp = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    rendezvous = ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    command = [*torchrun, *rendezvous, "-m", "train", *toys(tmp_path / "set", *ddp, number=400)]
    agent = start(command)
    wait_for_a_shard(tmp_path / "set")
    os.kill(children(agent.pid)[0], signal.SIGKILL)
    assert len(published_shards(tmp_path / "set")) < 200
    finish(agent)
    assert_whole(tmp_path / "set", tmp_path / "undisturbed")


def test_two_agents_of_torchrun_fill_one_set(tmp_path: Path) -> None:
    main(toys(tmp_path / "undisturbed", number=24))
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
    torchrun = ["-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--rdzv-id=1"]
    rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", "--local-addr=127.0.0.1"]
    ddp = ["--trainer.devices", "1", "--trainer.num_nodes", "2", "--trainer.strategy", "ddp"]
    command = [*torchrun, *rendezvous, "-m", "train", *toys(tmp_path / "set", *ddp, number=24)]
    agents = [start(command), start(command)]
    for agent in agents:
        finish(agent)
    assert_whole(tmp_path / "set", tmp_path / "undisturbed")
    # one run of both agents, not two runs of one process each
    done = [ShardReader(tmp_path / "set", id).done for id in published_shards(tmp_path / "set")]
    assert all(str(each["hardware"]).endswith(", 2 processes") for each in done)


FULL_DISK = """
mount -t tmpfs -o size=600k tmpfs {disk} || exit 9
head -c 540000 /dev/zero > {disk}/ballast
cd {root} && {python} -m train {command} > {out} 2>&1
code=$?
ls -A {disk}/set/shards >> {out}
rm {disk}/ballast
{python} -m train {command} >> {out} 2>&1 || exit 8
cp -r {disk}/set {copy}
exit $code
"""


def test_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(tmp_path: Path) -> None:
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    if which("unshare") is None or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("a small disk needs unshare -m and mount, not allowed here")
    main(toys(tmp_path / "undisturbed"))
    disk = tmp_path / "disk"
    disk.mkdir()
    command = toys(tmp_path / "set", "--data.folder", str(disk / "set"))
    script = FULL_DISK.format(
        disk=disk,
        root=ROOT,
        python=sys.executable,
        command=" ".join(command),
        out=tmp_path / "out",
        copy=tmp_path / "copy",
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], check=False)
    output = (tmp_path / "out").read_text()
    assert done.returncode == 2, output
    (line,) = (each for each in output.splitlines() if each.startswith("error: "))
    assert "No space left on device" in line
    assert "run the same command again" in line
    assert "Traceback" not in output
    assert_whole(tmp_path / "copy", tmp_path / "undisturbed")
