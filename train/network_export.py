"""``python -m train export --ckpt_path FILE``: a network as ONNX."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from lightning.pytorch.cli import LightningArgumentParser
from torch import nn

from callbacks.prompt_protocol import refuse_prompted
from datamodules.atomic import write_atomically
from lightningmodules.dis import DIS
from networks.fp_dis import FPDIS
from networks.udun import UDUN
from train.cli import SegmentationCLI, note, run_command
from train.remembered import read_checkpoint, remembered_size

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
Size = tuple[int, int]


def main(args: list[str]) -> None:
    """Export a network and say on stderr where it is.

    Args:
        args: As for ``predict``, less the data, with ``--out`` and ``--size``.

    Raises:
        SystemExit: With 2 and one line on stderr, if the network cannot be had or cannot be
            written.
    """
    # the same configurations, flags and rules by which a checkpoint fills in what they leave out
    run_command(NetworkExport, ["predict", *args])


class NetworkExport(SegmentationCLI):
    """Parses as ``predict`` does, builds the model alone and writes its network."""

    needs_data = False

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add where the file goes and which size it takes."""
        super().add_core_arguments_to_parser(parser)
        parser.add_argument("--out", type=str | None, default=None)
        parser.add_argument("--size", type=int | Size | None, default=None)

    def before_instantiate_classes(self) -> None:
        """Leave everything out but the model, and write that as it is, not compiled."""
        config = self.config[self.config.subcommand]
        config.trainer.callbacks = config.trainer.logger = None
        config.data = None
        if "compile" in config.model.init_args:
            config.model.init_args.compile = False

    def instantiate_classes(self) -> None:
        """Build the model."""
        self.config_init = self.parser.instantiate_classes(self.config)
        self.model = self.config_init[self.config_init.subcommand].model
        self.datamodule = None

    def _run_subcommand(self, subcommand: str) -> None:
        config = self.config[subcommand]
        out = _out(config.out, config.ckpt_path)
        if not isinstance(self.model, DIS):
            raise ValueError(
                f"{type(self.model).__name__} has no network of photos alone: export takes models "
                "of lightningmodules.dis.DIS"
            )
        trained_size = None
        if config.ckpt_path is not None:
            checkpoint = read_checkpoint(Path(config.ckpt_path))
            self.model.load_state_dict(checkpoint["state_dict"])
            trained_size = remembered_size(checkpoint)
        size = (config.size, config.size) if isinstance(config.size, int) else config.size
        _write(self.model.net, out, size=size, trained_size=trained_size)


def _write(net: nn.Module, out: Path, *, size: Size | None, trained_size: Size | None) -> None:
    refuse_prompted(net, "export takes")
    size = only_size(net, size)
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"export needs {', '.join(missing)}: .venv/bin/python -m pip install "
            f"{' '.join(missing)} (make install has them)"
        )
    from train.onnx_file import onnx_file  # an extra, see pyproject.toml

    facts = {"network": _name(net), "segfoundry": version("segfoundry")}
    if trained_size is not None:
        facts["trained_size"] = "x".join(map(str, trained_size))
    found = onnx_file(net, facts, size=size)
    write_atomically(out, found.content)
    note(
        f"{out} holds {_name(net)} for {_sizes(size)}: probabilities from {found.lowest:.2f} to "
        f"{found.highest:.2f} differ from PyTorch's by {found.difference:.1g} at most"
    )


def only_size(net: nn.Module, size: Size | None) -> Size | None:
    """Return the size to write: that of a network that takes one alone, or what is asked for.

    Raises:
        ValueError: If they differ.
    """
    own = [(x.size, x.size) for x in net.modules() if isinstance(x, UDUN)]
    if not own or size == own[0]:
        return size
    if size is not None:
        raise ValueError(f"{_name(net)} takes {_sizes(own[0])} alone, got --size {list(size)}")
    return own[0]


def _out(out: str | None, ckpt_path: str | None) -> Path:
    if out is None and ckpt_path is None:
        raise ValueError("no --out: without a checkpoint to put it beside, name the file")
    path = Path(ckpt_path or "").with_suffix(".onnx") if out is None else Path(out)
    if path.suffix != ".onnx" or path.is_dir():
        raise ValueError(f"--out {path} must be a file that ends in .onnx")
    return path


def _name(net: nn.Module) -> str:
    """Return the network's class, or that no published network of this name is meant."""
    inner = getattr(net, "net", net)
    return "FP-DIS (interpretation)" if isinstance(inner, FPDIS) else type(inner).__name__


def _sizes(size: Size | None) -> str:
    return "photos of any size" if size is None else f"photos of {size[0]} x {size[1]} px"
