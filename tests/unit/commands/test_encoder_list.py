from argparse import Namespace
from pathlib import Path

import pytest

from interpreting_clip.commands.encoder_list import GivenEncoder, given_encoders, read_list
from interpreting_clip.commands.extract_several import LONGEST_NAME, file_names
from interpreting_clip.errors import InputError

LIST = """\
# CLIPs
openclip:ViT-B-32/openai
openclip:ViT-B-32 --random 0  # the control

'my weights.pt' --backbone timm:resnet50 --with 'mean=[0.5, 0.5, 0.5]' --with resize=256
"""
MEAN, RESIZE = "mean=[0.5, 0.5, 0.5]", "resize=256"
GIVEN = [
    GivenEncoder("openclip:ViT-B-32/openai"),
    GivenEncoder("openclip:ViT-B-32", random=0),
    GivenEncoder("my weights.pt", "timm:resnet50", keys=(MEAN, RESIZE)),
]


def options(file: Path | None = None, **own: object) -> Namespace:
    return Namespace(**{"backbone": None, "random": None, "keys": [], "list": file, **own})


def test_each_line_is_an_encoder_with_its_own_options(tmp_path):
    file = tmp_path / "encoders.txt"
    file.write_text(LIST)
    assert read_list(file) == GIVEN
    assert given_encoders(["timm:a"], options(file)) == [GivenEncoder("timm:a"), *GIVEN]
    file.write_text("\n".join(map(str, GIVEN)))
    assert read_list(file) == GIVEN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timm:a\ntimm:b --random x", "line 2: .*--random"),
        ("timm:a --to mine.npy", "line 1: .*--to"),
        ("timm:a --rand 0", "line 1: .*--rand"),
        ("--random 0", "line 1: .*ENCODER"),
        ("timm:a 'b", "line 1: "),
        ("# nothing\n", "got none"),
        ("timm:a\ntimm:a", "timm:a: .*twice"),
    ],
)
def test_a_wrong_list_is_refused_with_its_line(tmp_path, text, message, capsys):
    file = tmp_path / "encoders.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        given_encoders([], options(file))
    assert "\n" not in str(raised.value) and capsys.readouterr().err == ""


def test_options_of_one_encoder_are_not_for_several(tmp_path):
    own = options(random=0)
    assert given_encoders(["timm:a"], own) == [GivenEncoder("timm:a", random=0)]
    with pytest.raises(InputError, match="--list"):
        given_encoders(["timm:a", "timm:b"], own)
    (tmp_path / "encoders.txt").write_text("timm:b")
    with pytest.raises(InputError, match="--list"):
        given_encoders([], options(tmp_path / "encoders.txt", keys=["resize=256"]))


def test_names_of_files_are_legal_and_unique():
    names = file_names(GIVEN)
    assert names[:2] == ["openclip-ViT-B-32-openai", "openclip-ViT-B-32-random-0"]
    alike = [GivenEncoder(words) for words in ("runs/A.pt", "runs:a.pt", "../runs a.pt", "é.pt")]
    assert file_names(alike) == ["runs-A.pt", "runs-a.pt--2", "runs-a.pt--3", "pt"]
    long = [GivenEncoder(f"{letter}{'x' * 300}") for letter in "ab"]
    assert len({*file_names(long)}) == 2 and max(map(len, file_names(long))) <= LONGEST_NAME + 3
