"""The command line: LightningCLI in subclass mode, with our defaults and one-line errors."""

import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from callbacks.checkpoint_io import AtomicCheckpointIO
from callbacks.data_stall import DataStall
from callbacks.generation_summary import finish_set
from callbacks.method_grid import MethodGrid
from callbacks.progress import StepProgressBar
from callbacks.report import Report
from callbacks.shard_writer import ShardWriter
from callbacks.synthesis_failures import SynthesisFailures
from callbacks.synthesis_gallery import SynthesisGallery
from callbacks.weights_writer import WeightsWriter
from datamodules.atomic import write_atomically
from datamodules.generation import GenerationRun
from datamodules.problems import DatasetError
from train.checkpointing import LAST, Checkpointing
from train.compilation import compilation_announced
from train.errors import one_line, without_worker
from train.parser import OneLineParser, UsageError, description
from train.quiet import ignore_expected_warnings
from train.recipe import recipe_of
from train.remembered import (
    read_checkpoint,
    refuse_other_network,
    remembered_model,
    remembered_size,
)

# What a user can get wrong, here and in the run: values, paths, devices, absent packages.
USER_ERRORS = (ValueError, OSError, ImportError, MisconfigurationException)


def main(args: list[str] | None = None) -> None:
    """Run ``python -m train``.

    Args:
        args: Command line without the program's name; None takes ``sys.argv``.

    Raises:
        SystemExit: With 2 and one line on stderr, for a mistake that the user can cure;
            ``SEGFOUNDRY_TRACEBACK=1`` in the environment shows the traceback instead. With 143
            where SIGTERM ended the run.
    """
    run_command(SegmentationCLI, args)


def run_command(cli: "type[SegmentationCLI]", args: list[str] | None) -> None:
    """Parse a command line and do what it says, see `main`."""
    ignore_expected_warnings()
    try:
        with compilation_announced(note):
            cli(
                LightningModule,
                LightningDataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                seed_everything_default=0,
                auto_configure_optimizers=False,
                save_config_callback=ConfigWriter,
                save_config_kwargs={"save_to_log_dir": False},
                parser_class=OneLineParser,
                parser_kwargs={"prog": "python -m train", "description": description()},
                # our loaders divide the samples themselves, as functions of (seed, slot)
                trainer_defaults={
                    "use_distributed_sampler": False,
                    "default_root_dir": "runs/default",
                },
                args=args,
            )
    except SIGTERMException:
        # Lightning ends such a run with 0, like a finished one; a job's script must know better
        raise SystemExit(128 + signal.SIGTERM) from None
    except UsageError as error:
        given = sys.argv if args is None else args
        fail(one_line(error.message, given, error.known))
    except (*USER_ERRORS, RuntimeError) as error:
        if os.environ.get("SEGFOUNDRY_TRACEBACK") or not is_mistake(error):
            raise
        message = without_worker(str(error) or repr(error))
        if not isinstance(error, DatasetError):  # a list of defects keeps its lines
            message = one_line(message)
        if "backend found" in message:
            message += " Leave out configs/trainer/gpu.yaml, or give --trainer.accelerator cpu"
        fail(message)


def is_mistake(error: Exception) -> bool:
    """Return whether a user can cure the error; a RuntimeError rarely is one."""
    return not isinstance(error, RuntimeError) or "loading state_dict" in str(error)


def note(message: str) -> None:
    """Print one line on stderr that a user may want to know before the run."""
    sys.stderr.write(f"note: {message}\n")


def fail(message: str) -> NoReturn:
    """Print one line on stderr (a list of defects of a set keeps its lines) and leave with 2."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(2)


class ConfigWriter(SaveConfigCallback):
    """Leaves the resolved configuration beside the run's results.

    ``config.yaml`` is what fit was run with; other commands leave ``config.<command>.yaml``. A
    second run into the same folder overwrites it: resume and elastic restart are such runs. A
    prediction that is refused, as its folder holds those of another network, leaves it as it is.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the file, unless predictions begin: whether they may is not known yet."""
        if stage != "predict":
            super().setup(trainer, pl_module, stage)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file of a prediction, from every process: some may have nothing to do."""
        self.save_config(trainer, pl_module, "predict")

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the file atomically."""
        command = TrainerFn(stage).value  # as text, `stage` reads "TrainerFn.TESTING"
        name = "config.yaml" if command == "fit" else f"config.{command}.yaml"
        content = self.parser.dump(self.config, skip_none=False)
        write_atomically(Path(trainer.default_root_dir) / name, content.encode())


class SegmentationCLI(LightningCLI):
    """The command line of this repository."""

    needs_data = True
    """Whether a command line without data is refused."""

    def _prepare_subcommand_parser(
        self, klass: type, subcommand: str, **kwargs: Any
    ) -> LightningArgumentParser:
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand == "test":
            parser.set_defaults(verbose=False)  # the report prints its own table
        return parser

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Let the model be left out where a checkpoint remembers it."""
        parser.add_lightning_class_args(Trainer, "trainer")
        parser.set_defaults({f"trainer.{key}": v for key, v in self.trainer_defaults.items()})
        parser.add_lightning_class_args(
            LightningModule, "model", subclass_mode=True, required=False
        )
        parser.add_lightning_class_args(
            LightningDataModule, "data", subclass_mode=True, required=self.needs_data
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Link what two parts share, so that nobody types it twice."""
        parser.add_class_arguments(Checkpointing, "checkpoint")
        parser.add_lightning_class_args(Report, "report")
        parser.link_arguments("seed_everything", "data.init_args.seed")
        parser.link_arguments("seed_everything", "model.init_args.seed")
        parser.link_arguments("trainer.max_steps", "model.init_args.max_steps")

    def _parse_ckpt_path(self) -> None:
        """Take from the checkpoint only what no configuration says: the model, and its size.

        Lightning lets a checkpoint's memory override YAML and flags without a word.

        Raises:
            ValueError: If the checkpoint is none, or is needed and not given.
        """
        command = str(self.config.subcommand)
        config = self.config[command]
        last = _last(config)
        if command == "fit" and config.ckpt_path is None and last.exists():
            note(f"starting afresh: {last} will be overwritten; --ckpt_path last goes on from it")
        if command == "fit" and config.ckpt_path == "last" and not last.exists():
            note(f"starting afresh: there is no {last} yet")
            config.ckpt_path = None
        if command != "fit" and config.ckpt_path == "last":
            config.ckpt_path = str(last)  # else Lightning would go on with untrained weights
        if config.ckpt_path in (None, "last", "best"):
            if config.get("model") is None:
                raise ValueError(
                    "no model: give a --config that has one, or a checkpoint by --ckpt_path FILE"
                )
            return
        path = Path(config.ckpt_path)
        checkpoint = read_checkpoint(path)
        if config.get("model") is None:
            model = remembered_model(checkpoint, path)
            self.config = self.parser.parse_object({command: {"model": model}}, self.config)
        if self.config[command].get("data") is None:
            return
        data = self.config[command].data.init_args
        size, trained_size = data.get("size"), remembered_size(checkpoint)
        if "size" in data and size is None:
            data.size = trained_size
        elif trained_size not in (None, size, (size, size)):
            note(f"data.size is {size}, but {path} was trained at {list(trained_size)}")

    def after_instantiate_classes(self) -> None:
        """Say where an untrained network is about to be judged; some modules have no network.

        A generation run is given its recipe instead.

        Raises:
            ValueError: If nothing would publish what a generation run makes, or the weights of the
                checkpoint do not fit the network.
        """
        command = str(self.config.subcommand)
        config = self.config[command]
        if isinstance(self.datamodule, GenerationRun):
            self.datamodule.recipe = recipe_of(
                config,
                precision=str(self.trainer.precision),
                image_format=_shard_writer(self.trainer).image_format,
            )
            return
        if config.ckpt_path not in (None, "last", "best"):
            refuse_other_network(self.model, Path(config.ckpt_path))
        elif config.ckpt_path == "last":
            refuse_other_network(self.model, _last(config))
        elif command != "fit" and any(True for _ in self.model.parameters()):
            note("no --ckpt_path: the network has the weights that its configuration names")

    def _run_subcommand(self, subcommand: str) -> None:
        """Leave a generation run alone that has nothing left to do: a Trainer would stumble."""
        run, is_first = self.datamodule, self.trainer.is_global_zero
        if isinstance(run, GenerationRun) and run.nothing_left(is_first=is_first):
            if is_first:
                note("nothing left to do")
                finish_set(run.folder)
                for callback in _callbacks(self.trainer):
                    if isinstance(callback, MethodGrid):
                        callback.write(run)
            return
        super()._run_subcommand(subcommand)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add what every run has: progress, checkpoints, weights, a logger at a fixed place."""
        config = self.config_init[self.config_init.subcommand]
        root = Path(config.trainer.default_root_dir)
        if config.trainer.logger in (None, True):
            kwargs["logger"] = TensorBoardLogger(root, name="tensorboard", version="")
        kwargs["plugins"] = [*_as_list(config.trainer.plugins), AtomicCheckpointIO()]
        own = [DataStall(), SynthesisGallery(), SynthesisFailures()]
        callbacks = [*_as_list(config.trainer.callbacks), *own]
        if config.trainer.enable_progress_bar is not False:
            callbacks.append(StepProgressBar())
        if config.trainer.enable_checkpointing is not False:
            callbacks += [WeightsWriter(), *config.checkpoint.callbacks(root)]
        kwargs["callbacks"] = callbacks
        return super().instantiate_trainer(**kwargs)


def _last(config: Namespace) -> Path:
    return Path(config.trainer.default_root_dir) / "checkpoints" / LAST


def _callbacks(trainer: Trainer) -> list[Callback]:
    return trainer.callbacks  # type: ignore[attr-defined]  # set, not declared


def _shard_writer(trainer: Trainer) -> ShardWriter:
    for callback in _callbacks(trainer):
        if isinstance(callback, ShardWriter):
            return callback
    raise ValueError(
        "nothing would publish the pairs: trainer.callbacks holds no "
        "callbacks.shard_writer.ShardWriter. A later --config replaces the whole list: name the "
        "writer there, too"
    )


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
