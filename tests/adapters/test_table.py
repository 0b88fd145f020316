from __future__ import annotations

from tests.adapters.tuning import Bench

from vidtune.adapters import AdapterConfig, ModalityRow, trainable_table
from vidtune.models.families.qwen2_vl import FAMILY


def rows(bench: Bench, config: AdapterConfig) -> dict[str, ModalityRow]:
    return {row.modality: row for row in trainable_table(bench.attach(config), FAMILY.modality_of)}


def test_full_training_counts_every_number_once(bench: Bench):
    model = bench.load_base(AdapterConfig(kind="full"))
    total = sum(parameter.numel() for parameter in model.parameters())

    table = rows(bench, AdapterConfig(kind="full"))

    assert sum(row.num_total for row in table.values()) == total
    assert all(row.num_trainable == row.num_total for row in table.values())
    assert all(
        (row.weight_bytes, row.gradient_bytes, row.optimizer_bytes)
        == (4 * row.num_total, 4 * row.num_total, 8 * row.num_total)
        for row in table.values()
    )


def test_lora_trains_rank_times_the_sum_of_the_sides(bench: Bench):
    model = bench.load_base(AdapterConfig())
    sides = [
        sum(module.weight.shape)
        for name, module in model.named_modules()
        if "language_model" in name and hasattr(module, "in_features")
    ]

    table = rows(bench, AdapterConfig(rank=3))

    assert table["language"].num_trainable == 3 * sum(sides)
    assert table["vision"].num_trainable == table["vision"].gradient_bytes == table["projector"].optimizer_bytes == 0


def test_numbers_in_4_bit_are_counted_unpacked_and_take_an_eighth_of_the_bytes(bench: Bench):
    whole = rows(bench, AdapterConfig(kind="lora"))["language"]
    small = rows(bench, AdapterConfig(kind="qlora"))["language"]
    model = bench.load_base(AdapterConfig(kind="qlora"))
    num_in_4_bit = sum(p.quant_state.shape.numel() for p in model.parameters() if hasattr(p, "quant_state"))

    saved = whole.weight_bytes - small.weight_bytes

    assert small.num_total == whole.num_total
    # 4 bytes become half a byte, and a scale in 8 bit for every 64 numbers, with its own small tables.
    assert 0.85 * 3.5 * num_in_4_bit < saved < 3.5 * num_in_4_bit


def test_a_module_that_is_trained_whole_is_counted_once_but_kept_twice(bench: Bench):
    alone = rows(bench, AdapterConfig())["projector"]
    whole = rows(bench, AdapterConfig(modules_to_train=("projector",)))["projector"]

    assert whole.num_total == whole.num_trainable == alone.num_total
    assert whole.weight_bytes == 2 * alone.weight_bytes
