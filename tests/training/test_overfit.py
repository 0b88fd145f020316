from vidtune.core.rundir import RunDirectory
from vidtune.training import has_learned, overfit_config, overfit_verdict, train


def test_a_recipe_that_can_teach_is_told_so_and_what_that_does_not_prove(recipe, tmp_path):
    config = recipe(
        adapter={"kind": "full", "rank": ..., "alpha": ..., "dropout": ..., "modalities": ["language", "projector"]},
        augmentation={"flip": 0.5},
    )
    cut = overfit_config(config, 3)
    summary = train(cut, RunDirectory(tmp_path / "run"))

    assert (cut.data.limit, cut.eval_data, cut.augmentation.flip) == (3, cut.data, 0.0)
    assert summary.num_samples == 3
    assert has_learned(summary)
    assert "knows them by heart" in overfit_verdict(summary)
    assert "says nothing about other clips" in overfit_verdict(summary)


def test_a_recipe_that_cannot_is_told_where_to_look(recipe, tmp_path):
    cut = overfit_config(recipe(optim={"learning_rate": 1e-9}), 3)
    few_steps = cut.loop.model_copy(update={"max_steps": 10})
    summary = train(cut.model_copy(update={"loop": few_steps}), RunDirectory(tmp_path / "run"))

    assert not has_learned(summary)
    assert "it did not learn them" in overfit_verdict(summary)
