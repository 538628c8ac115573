import msgspec
import pytest

from stages.training.recipes import Drops, Pretrain, Supervise


def test_the_paper_s_supervised_recipe_is_legal(supervise_recipe):
    tree = msgspec.to_builtins(supervise_recipe) | {
        "schedule": {"kind": "drops", "epochs": [30, 60], "factor": 0.1}
    }
    recipe = msgspec.convert(tree, Supervise)
    assert recipe.schedule == Drops(epochs=[30, 60], factor=0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("batch_size", 1),
        ("learning_rate", 0.0),
        ("warmup_steps", -1),
        ("betas", [0.9, 1.0]),
        ("schedule", {"kind": "linear"}),
        ("backbone", "RN-50"),
        ("momentum", 0.9),
    ],
)
def test_an_illegal_value_is_refused(pretrain_recipe, key, value):
    tree = msgspec.to_builtins(pretrain_recipe) | {key: value}
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert(tree, Pretrain)
