"""A language model of transformers, run here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from datamodules.content_hash import content_hashes
from datamodules.json_value import Json, canonical
from generation.prompts.prompts import PromptError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class CausalModel:
    """A causal model by hub id or folder. A `generation.prompts.language_model.LanguageModel`.

    Each answer is sampled with noise of its own seed, so it does not depend on the batch, beside
    what rounding does: the greatest of log-probability plus Gumbel noise is a draw from the
    distribution (Gumbel 1954; Maddison et al., "A* sampling", NeurIPS 2014). The weights are
    loaded at the first answer, from safetensors alone, and no code of the model is run.

    Args:
        model: Hub id or folder, best of a model that follows instructions.
        revision: Of the hub; a commit makes sure that it is always the same model.
        device: Where it runs.
        batch_size: Requests that are answered together.
        max_new_tokens: An answer is cut there.
        temperature: Above 0; lower is more of the same.
        top_p: Share of the probability that tokens are drawn from, in (0, 1].

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str = "main",
        device: str = "cpu",
        batch_size: int = 8,
        max_new_tokens: int = 120,
        temperature: float = 1.0,
        top_p: float = 0.95,
    ) -> None:
        if min(batch_size, max_new_tokens) < 1 or temperature <= 0 or not 0 < top_p <= 1:
            raise ValueError(
                f"batch_size {batch_size} and max_new_tokens {max_new_tokens} must be 1 or more, "
                f"temperature {temperature} above 0 and top_p {top_p} in (0, 1]"
            )
        self.model = model
        self.revision = revision
        self.device = device
        self.batch_size = batch_size
        self.max_new_tokens = max_new_tokens
        self.temperature = temperature
        self.top_p = top_p
        self._name = ""
        self._loaded: _Loaded | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_loaded": None}  # another process loads it if it must

    @property
    def name(self) -> str:
        """Hub id with revision; of a folder its name with the hash of what is in it.

        Raises:
            DecodeError: If a file of the folder cannot be read.
        """
        if not self._name:
            folder = Path(self.model).expanduser()
            self._name = (
                f"{folder.resolve().name}@{_content_hash(folder)}"
                if folder.is_dir()
                else f"{self.model}@{self.revision}"
            )
        return self._name

    @property
    def parameters(self) -> dict[str, Json]:
        """How an answer is drawn."""
        return {
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
        }

    def answers(self, requests: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
        """Yield the answer to each request, in order, a batch at a time.

        Raises:
            PromptError: If the model cannot be had.
        """
        for start in range(0, len(requests), self.batch_size):
            part = slice(start, start + self.batch_size)
            yield from self._batch(requests[part], seeds[part])

    def release(self) -> None:
        """Let go of the weights."""
        self._loaded = None

    def _batch(self, requests: Sequence[str], seeds: Sequence[int]) -> list[str]:
        from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

        if self._loaded is None:
            self._loaded = _load(self.model, self.revision, self.device)
        net, tokenizer = self._loaded.net, self._loaded.tokenizer
        has_chat = tokenizer.chat_template is not None
        texts = [_as_chat(tokenizer, text) for text in requests] if has_chat else list(requests)
        # a chat template writes the special tokens itself
        inputs = tokenizer(
            texts, return_tensors="pt", padding=True, add_special_tokens=not has_chat
        ).to(self.device)
        processors = [
            TemperatureLogitsWarper(self.temperature),
            TopPLogitsWarper(self.top_p),
            _GumbelNoise(seeds),
        ]
        written = net.generate(  # type: ignore[operator]  # a mixin of transformers types it so
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            logits_processor=LogitsProcessorList(processors),
            max_new_tokens=self.max_new_tokens,
        )
        answers = tokenizer.batch_decode(
            written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        # a model that only goes on with a text begins the next paragraph by itself
        return answers if has_chat else [text.strip().partition("\n")[0] for text in answers]


@dataclass(frozen=True, slots=True)
class _Loaded:
    net: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"


class _GumbelNoise:
    """Adds noise to the logits of each row, drawn on the CPU from the row's own generator."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        noise = torch.empty(scores.shape)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores.float() - noise.log_().to(scores.device)


def _load(model: str, revision: str, device: str) -> _Loaded:
    from huggingface_hub.constants import HF_HUB_CACHE
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    folder = Path(model).expanduser()
    place = str(folder) if folder.is_dir() else model
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision, padding_side="left")
        net = AutoModelForCausalLM.from_pretrained(
            place, revision=revision, dtype="auto", use_safetensors=True
        )
    except (OSError, ValueError) as error:
        found = (
            "holds no causal model with safetensors and tokenizer: give another folder"
            if folder.is_dir()
            else f"is neither a folder nor at the hub nor in {HF_HUB_CACHE}: download it elsewhere "
            f"(hf download {model} --local-dir FOLDER) and give the folder"
        )
        raise PromptError(
            f"language model {model} (revision {revision}) {found}, or take "
            "generation.prompts.templates.TemplatePrompts, which needs no model "
            f"({type(error).__name__})"
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # what the model's own settings say of sampling is ours to say
    net.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,  # the noise makes the greedy choice a draw
        eos_token_id=net.generation_config.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    net.requires_grad_(False).to(device)  # type: ignore[arg-type]  # its wrapper loses self
    return _Loaded(net, tokenizer)


def _as_chat(tokenizer: "PreTrainedTokenizerBase", request: str) -> str:
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": request}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,  # of Qwen3; other templates do not look at it
    )
    return str(text)


def _content_hash(folder: Path) -> str:
    """Return 16 hexadecimal digits of the names and bytes of a folder's visible files."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    # what begins with a dot are notes of a download or of git: they hold times
    names = sorted(n for n in names if not any(part.startswith(".") for part in n.parts))
    hashes = content_hashes([folder / name for name in names])
    listed: Json = [[name.as_posix(), hashes[folder / name]] for name in names]
    return sha256(canonical(listed).encode()).hexdigest()[:16]
