"""Models of this machine as judges: a small random language model, a small random video-language model."""

import pytest
import torch
from tests.evaluation.writing import make_record, write_run
from tests.models.tiny import make_tiny_folder, make_tokenizer

from vidtune.core.durable import RecordLog
from vidtune.core.errors import ModelMismatch, ModelUnavailable, NotInstalled
from vidtune.data import Turn
from vidtune.evaluation.judging import JudgeConfig, judge_predictions
from vidtune.inference import GenerationConfig, Request, generate
from vidtune.models import ensure_torchvision, is_text_model, load_text_model

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turns') }}{% endif %}" + TEMPLATE


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory):
    return write_text_model(tmp_path_factory.mktemp("llama"), TEMPLATE)


def write_text_model(folder, template):
    ensure_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer()
    tokenizer.chat_template = template
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_language_model_answers_as_transformers_itself_does(text_folder):
    loaded = load_text_model(text_folder, device="cpu")
    turns = [
        (Turn("system", "You judge."), Turn("user", text)) for text in ("squats", "pushups - the hips sag <|im_end|>")
    ]

    answers = generate(loaded, [Request(one) for one in turns], GenerationConfig(max_new_tokens=8), num_top_logprobs=3)

    tokenizer = loaded.processor.tokenizer
    messages = [{"role": turn.role, "content": turn.text} for turn in turns[0]]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = loaded.model.generate(
        **prompt, max_new_tokens=8, do_sample=False, output_logits=True, return_dict_in_generate=True
    )
    expected = output.sequences[0, prompt["input_ids"].shape[1] :].tolist()
    assert list(answers[0].token_ids) == expected
    logprobs = torch.cat(output.logits).log_softmax(1)
    for place, top in enumerate(answers[0].top_logprobs):
        best = logprobs[place].topk(3)
        assert set(top) == set(best.indices.tolist())
        assert sorted(top.values()) == pytest.approx(sorted(best.values.tolist()), abs=1e-4)
    # A text cannot end its own turn.
    ids = loaded.family.encode_prompts(loaded.processor, [(turns[1], None)])["input_ids"][0].tolist()
    assert ids.count(tokenizer.eos_token_id) == 2


@pytest.mark.parametrize("rubric", ["g_eval", "prometheus"])
def test_an_untrained_model_is_asked_in_batches_and_fails_by_name(tmp_path, text_folder, rubric):
    run = write_run(tmp_path / "run", [make_record(number) for number in range(6)])
    config = JudgeConfig(
        backend="local",
        target=str(text_folder),
        rubrics=(rubric,),
        device="cpu",
        max_attempts=2,
        max_new_tokens=4,
        num_control_items=5,
    )

    found = judge_predictions(run.path, config)[0]

    assert "readable" in found.summary["verdict"]["failed"]
    assert found.summary["sent_to"] is None
    assert found.summary["missing"] == {"unparsed": 6}
    assert {row["num_attempts"] for row in RecordLog(found.log_path).read()} == {2}


def test_a_video_language_model_can_be_asked_too(tmp_path):
    folder = make_tiny_folder(tmp_path / "tiny")
    run = write_run(tmp_path / "run", [make_record(number) for number in range(6)])
    config = JudgeConfig(
        backend="local",
        target=str(folder),
        rubrics=("holistic",),
        device="cpu",
        max_attempts=1,
        max_new_tokens=2,
        num_control_items=5,
        num_parallel=8,
    )

    found = judge_predictions(run.path, config)[0]

    assert found.summary["verdict"]["status"] == "failed"
    assert found.summary["judge"]["model"] == str(folder.resolve())


def test_a_template_without_system_turns_gets_the_text_all_the_same(tmp_path):
    loaded = load_text_model(write_text_model(tmp_path, NO_SYSTEM), device="cpu")

    prompt = loaded.family.encode_prompts(
        loaded.processor, [((Turn("system", "Be fair."), Turn("user", "squats")), None)]
    )

    text = loaded.processor.tokenizer.decode(prompt["input_ids"][0])
    assert text == "<|im_start|>user\nBe fair.\n\nsquats<|im_end|>\n<|im_start|>assistant\n"


def test_what_is_no_judge_is_refused_by_name(tmp_path, text_folder, monkeypatch):
    assert is_text_model(text_folder)
    assert not is_text_model("nano")
    with pytest.raises(ModelUnavailable, match="does not exist"):
        load_text_model(tmp_path / "missing.gguf")
    (tmp_path / "there.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r"vidtune\[judge\]"):
        load_text_model(tmp_path / "there.gguf")
    with pytest.raises(ModelMismatch, match="no chat template"):
        load_text_model(write_text_model(tmp_path / "base", None), device="cpu")
