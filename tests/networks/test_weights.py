import re
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from networks.adapter import ImageInput
from networks.weights import WeightsError, load_weights, trained_size


def small(channels: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.BatchNorm2d(channels))


def renamed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: x for name, x in state.items()}


def assert_equal_weights(net: nn.Module, other: nn.Module) -> None:
    pairs = zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "net.", "module._orig_mod.", "net._orig_mod.module."]
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_prefixes_of_wrappers_are_ignored(prefix: str, suffix: str, tmp_path: Path) -> None:
    source, path = small(), tmp_path / f"weights{suffix}"
    state = renamed(source.state_dict(), prefix)
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    net = small()
    load_weights(net, str(path))
    assert_equal_weights(net, source)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
def test_state_dict_is_found_inside_a_checkpoint(wrapper: str, tmp_path: Path) -> None:
    source, path = small(), tmp_path / "last.ckpt"
    torch.save({"epoch": 3, wrapper: renamed(source.state_dict(), "net.")}, path)
    net = small()
    load_weights(net, str(path))
    assert_equal_weights(net, source)


def test_weights_of_the_adapter_fit_the_network_and_the_reverse(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    adapter, net = ImageInput(small()), small()
    save_file(adapter.state_dict(), path)
    load_weights(net, str(path))
    assert_equal_weights(net, adapter)
    other = ImageInput(small())
    save_file(net.state_dict(), path)
    load_weights(other, str(path))
    assert_equal_weights(other, adapter)


def test_folder_stands_for_the_weights_in_it(tmp_path: Path) -> None:
    source, net = small(), small()
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    load_weights(net, str(tmp_path))
    assert_equal_weights(net, source)


def test_half_precision_is_converted(tmp_path: Path) -> None:
    source, net = small(), small()
    path = tmp_path / "weights.safetensors"
    save_file({name: x.to(torch.bfloat16) for name, x in source.state_dict().items()}, path)
    load_weights(net, str(path))
    assert net[0].weight.dtype == torch.float32
    torch.testing.assert_close(net[0].weight, source[0].weight, rtol=1e-2, atol=1e-3)


def test_file_from_before_batch_norm_counted_batches_fits(tmp_path: Path) -> None:
    source, net, path = small(), small(), tmp_path / "resnet.pth"
    nn.init.uniform_(source[1].running_mean)
    state = source.state_dict()
    del state["1.num_batches_tracked"]
    torch.save(state, path)
    net[1].num_batches_tracked.fill_(7)
    load_weights(net, str(path))
    assert net[1].num_batches_tracked == 7
    source[1].num_batches_tracked.fill_(7)
    assert_equal_weights(net, source)


def message_of(net: nn.Module, weights: object) -> str:
    with pytest.raises(WeightsError) as caught:
        load_weights(net, str(weights))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_misfit_is_one_line_that_counts_and_names_and_changes_nothing(tmp_path: Path) -> None:
    net, path = small(), tmp_path / "weights.safetensors"
    state = small(channels=8).state_dict()
    state["head.weight"] = state.pop("1.running_var")
    save_file(state, path)
    before = {name: x.clone() for name, x in net.state_dict().items()}
    message = message_of(net, path)
    assert "1 of 7 keys missing (1.running_var)" in message
    assert "1 of 7 keys unexpected (head.weight)" in message
    assert "5 of 7 keys of another shape (0.weight (8, 3, 3, 3) for (4, 3, 3, 3), " in message
    assert "Build the network with" in message
    for name, x in net.state_dict().items():
        assert torch.equal(x, before[name])


@pytest.mark.parametrize("weights", ["gone.safetensors", "runs/gone.pth", "/no/such/folder/at/all"])
def test_missing_file_is_one_line(weights: str) -> None:
    assert f"weights {weights} not found" in message_of(small(), weights)


def test_folder_without_weights_is_one_line(tmp_path: Path) -> None:
    assert "holds neither" in message_of(small(), tmp_path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>" * 100, b"Repository Not Found", b"error", b"j000", b"Gone"]
)
def test_broken_file_is_one_line(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    assert "cannot be read" in message_of(small(), path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's, of a damaged header
@settings(max_examples=60)
@given(number=st.integers(0), place=st.floats(0, 1, exclude_max=True), is_zip=st.booleans())
def test_damaged_file_ends_in_no_other_error(number: int, place: float, is_zip: bool) -> None:
    written = BytesIO()
    torch.save(small().state_dict(), written, _use_new_zipfile_serialization=is_zip)
    content = bytearray(written.getvalue())
    start = int(place * len(content))
    damage = number.to_bytes(1 + number.bit_length() // 8, "little")
    content[start : start + len(damage)] = damage
    with TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.pth"
        path.write_bytes(content)
        with suppress(WeightsError):  # no other error; and some damage is to numbers alone
            load_weights(small(), str(path))


def test_file_with_code_in_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "code.pth"
    torch.save({"net": small()}, path)
    assert "cannot be read" in message_of(small(), path)


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], torch.zeros(3)])
def test_file_without_a_state_dict_is_one_line(content: object, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(content, path)
    assert "hold no state dict" in message_of(small(), path)


def test_hub_id_is_read_from_the_local_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, commit = tmp_path / "models--owner--name", "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    source, net = small(), small()
    save_file(source.state_dict(), repository / "snapshots" / commit / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    load_weights(net, "owner/name")
    assert_equal_weights(net, source)


def test_hub_id_that_cannot_be_had_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = message_of(small(), "owner/name")
    assert re.search(r"owner/name .* hub .*" + re.escape(str(tmp_path)), message)
    assert "give its path" in message


def test_file_says_the_size_that_it_was_trained_at(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(small().state_dict(), path, metadata={"trained_size": "96x128"})
    assert trained_size(str(path)) == trained_size(str(tmp_path)) == (96, 128)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_file_without_a_size_says_none(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(small().state_dict(), path, metadata=metadata)
    assert trained_size(str(path)) is None
    torch.save(small().state_dict(), tmp_path / "weights.pth")
    assert trained_size(str(tmp_path / "weights.pth")) is None


@pytest.mark.parametrize("said", ["96", "0x96", "96x96x3", ""])
def test_size_that_cannot_be_read_is_one_line(said: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(small().state_dict(), path, metadata={"trained_size": said})
    with pytest.raises(WeightsError, match=f"{said!r}: it must read like 96x128"):
        trained_size(str(path))
