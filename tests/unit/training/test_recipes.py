import msgspec
import pytest

from stages.config.trainings import Drops, TrainingRecipe


def test_the_paper_s_supervised_recipe_is_legal(recipe):
    tree = msgspec.to_builtins(recipe) | {
        "schedule": {"kind": "drops", "epochs": [30, 60], "factor": 0.1}
    }
    converted = msgspec.convert(tree, TrainingRecipe)
    assert converted.schedule == Drops(epochs=[30, 60], factor=0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("batch_size", 1),
        ("learning_rate", 0.0),
        ("warmup_steps", -1),
        ("betas", [0.9, 1.0]),
        ("schedule", {"kind": "linear"}),
        ("momentum", 0.9),
    ],
)
def test_an_illegal_value_is_refused(recipe, key, value):
    tree = msgspec.to_builtins(recipe) | {key: value}
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert(tree, TrainingRecipe)
