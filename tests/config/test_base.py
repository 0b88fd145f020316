import pytest

from vidtune.config import Config, apply_overrides, config_hash, dump_config, load_recipe
from vidtune.core.errors import ConfigInvalid


class Inner(Config):
    """Inner settings."""

    rank: int = 8


class Outer(Config):
    """Outer settings."""

    inner: Inner = Inner()
    rate: float = 0.1


def test_overrides_reach_nested_settings():
    config = load_recipe(Outer, None, ["inner.rank=16", "rate=0.5"])

    assert (config.inner.rank, config.rate) == (16, 0.5)


def test_every_problem_of_a_recipe_is_named_at_once(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("inner: {rank: many, rnk: 1}\nrate: .nan\n")

    with pytest.raises(ConfigInvalid) as caught:
        load_recipe(Outer, recipe)

    message = str(caught.value)
    assert "3 problems" in message
    for part in ("inner.rank = 'many'", "inner.rnk: no such setting", "rate = nan"):
        assert part in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [("[1, 2]", "holds a list"), ("a: [", "not valid YAML")],
)
def test_a_file_that_is_no_recipe_is_named(tmp_path, text, expected):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text)

    with pytest.raises(ConfigInvalid, match=expected):
        load_recipe(Outer, recipe)


@pytest.mark.parametrize("override", ["rank", "=3", "rate.x=1"])
def test_an_override_that_cannot_be_applied_is_refused(override):
    with pytest.raises(ConfigInvalid, match="--set"):
        apply_overrides({"rate": 1}, [override])


def test_overrides_leave_the_given_values_alone():
    values = {"inner": {"rank": 1}}

    apply_overrides(values, ["inner.rank=2"])

    assert values == {"inner": {"rank": 1}}


def test_the_hash_follows_the_values_and_is_written_with_them():
    assert config_hash(Outer()) == config_hash(Outer(rate=0.1)) != config_hash(Outer(rate=0.2))
    assert dump_config(Outer()).startswith(f"# hash: {config_hash(Outer())}\n")
