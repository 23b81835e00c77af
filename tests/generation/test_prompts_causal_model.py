"""Prompts of tiny random models that lie in a folder as the hub would have them."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from generation.prompts.causal_model import CausalModel
from generation.prompts.language_model import LanguageModelPrompts
from generation.prompts.prompts import PromptError, models_of

WORDS = ["<end>", "<unk>", "chair", "chairs", "wooden", "red", "in", "the", "hall", "<user>"]
CHAT = "{% for m in messages %}<user> {{ m['content'] }}{% endfor %}"


def save_tokenizer(folder: Path, *, chat: str | None) -> None:
    backend = Tokenizer(models.WordLevel({w: k for k, w in enumerate(WORDS)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<end>", unk_token="<unk>"
    )
    tokenizer.chat_template = chat
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        eos_token_id=0,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    settings = {"do_sample": True, "temperature": 0.01, "top_k": 1, "eos_token_id": 0}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    save_tokenizer(folder, chat=CHAT)
    return folder


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-gpt2"
    torch.manual_seed(0)
    ends = {"eos_token_id": 0, "bos_token_id": 0}
    config = GPT2Config(vocab_size=len(WORDS), n_embd=16, n_layer=1, n_head=2, **ends)
    GPT2LMHeadModel(config).save_pretrained(folder)
    save_tokenizer(folder, chat=None)
    return folder


def model(folder: Path, **arguments: Any) -> CausalModel:
    return CausalModel(str(folder), **{"max_new_tokens": 6, "top_p": 1.0, **arguments})


REQUESTS = ["red chair", "the wooden chair in the hall", "chairs", "hall"]


def test_answers_of_a_batch_are_those_of_single_requests(llama: Path) -> None:
    together = list(model(llama).answers(REQUESTS, [4, 5, 6, 7]))
    alone = model(llama, batch_size=1)
    assert together == list(alone.answers(REQUESTS, [4, 5, 6, 7]))
    assert len(set(together)) == 4


def test_answer_follows_from_its_seed_and_from_no_global_generator(llama: Path) -> None:
    own = model(llama)
    torch.manual_seed(1)
    first = list(own.answers(["chair"] * 2, [7, 8]))
    torch.manual_seed(2)
    assert list(own.answers(["chair"] * 2, [7, 8])) == first
    assert first[0] != first[1]


def test_first_words_are_drawn_with_the_probabilities_of_the_model(gpt2: Path) -> None:
    number = 600
    own = model(gpt2, max_new_tokens=1, batch_size=number, temperature=0.7)
    answers = list(own.answers(["red"] * number, range(number)))
    net = GPT2LMHeadModel.from_pretrained(gpt2).eval()
    with torch.no_grad():
        logits = net(torch.tensor([[WORDS.index("red")]])).logits[0, -1]
    expected = torch.softmax(logits / 0.7, dim=0)
    for word in ("chair", "chairs", "wooden", "hall"):
        p = float(expected[WORDS.index(word)])
        assert abs(answers.count(word) / number - p) < 4 * (p * (1 - p) / number) ** 0.5


def test_settings_of_the_saved_model_do_not_decide_the_sampling(llama: Path) -> None:
    answers = list(model(llama, max_new_tokens=1).answers(["chair"] * 40, range(40)))
    assert len(set(answers)) > 3


def test_prompts_name_the_class_and_are_the_same_again(llama: Path, tmp_path: Path) -> None:
    made = LanguageModelPrompts(model(llama), tmp_path, per_class=4, attempts=30)
    first = made.many(["Chair"] * 8, range(8))
    assert all("chair" in text for text in first)
    again = LanguageModelPrompts(model(llama), tmp_path, per_class=4, attempts=1)
    assert again.many(["Chair"] * 8, range(8)) == first


def test_prepared_prompts_need_no_weights(llama: Path, tmp_path: Path) -> None:
    own = model(llama)
    made = LanguageModelPrompts(own, tmp_path, per_class=2, attempts=30)
    made.prepare(["Chair"])
    assert own._loaded is None
    made("Chair", 3)
    assert own._loaded is None


def test_model_of_a_folder_is_named_by_its_content_wherever_it_lies(
    llama: Path, gpt2: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere" / llama.name
    moved.mkdir(parents=True)
    for path in llama.iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    name = model(llama).name
    assert name.startswith("tiny-llama@")
    assert model(moved).name == name
    (moved / "tokenizer_config.json").write_text("{}")
    assert model(moved).name != name
    assert model(gpt2).name != name


def test_model_of_the_hub_is_named_with_its_revision(tmp_path: Path) -> None:
    made = LanguageModelPrompts(CausalModel("Qwen/Qwen3-4B", revision="abc"), tmp_path)
    assert models_of(made) == ("Qwen/Qwen3-4B@abc",)


def test_model_without_a_chat_template_goes_on_with_the_request(gpt2: Path) -> None:
    assert len(list(model(gpt2).answers(REQUESTS, [1, 2, 3, 4]))) == 4


def test_loaded_model_is_pickled_without_its_weights(llama: Path) -> None:
    own = model(llama)
    first = list(own.answers(["chair"], [1]))
    data = pickle.dumps(own)
    assert len(data) < 1000
    assert list(pickle.loads(data).answers(["chair"], [1])) == first


def test_model_that_cannot_be_had_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PromptError, match=r"empty .*holds no causal .*TemplatePrompts") as error:
        list(model(tmp_path / "empty").answers(["chair"], [1]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 0},
        {"max_new_tokens": 0},
        {"temperature": 0.0},
        {"top_p": 0.0},
        {"top_p": 2.0},
    ],
)
def test_number_out_of_range_is_refused(arguments: Any) -> None:
    with pytest.raises(ValueError, match="top_p"):
        CausalModel("owner/name", **arguments)


def test_model_that_the_hub_cannot_give_says_how_to_place_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = r"owner/none \(revision main\) is neither .*hf download owner/none .*TemplatePrompts"
    with pytest.raises(PromptError, match=message):
        list(CausalModel("owner/none").answers(["chair"], [1]))
