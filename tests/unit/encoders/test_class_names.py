import open_clip
import pytest

from interpreting_clip.encoders.class_names import class_names, imagenet_folders

NAMES = list(open_clip.IMAGENET_CLASSNAMES)
NUMBERS = [str(number) for number in range(1000)]


def test_wordnet_ids_become_imagenet_s_names_in_the_order_of_the_folders():
    assert class_names(["n07697537", "n01514668"]) == ["hot dog", "rooster"]
    assert class_names(imagenet_folders(["n01514668"])) == NAMES


@pytest.mark.parametrize("order", [NUMBERS, sorted(NUMBERS)])
def test_all_thousand_numbers_are_imagenet_s_in_any_order(order):
    assert class_names(order) == [NAMES[int(folder)] for folder in order]
    assert imagenet_folders(order) == NUMBERS


@pytest.mark.parametrize(
    "folders", [["n01514668", "my_dog"], ["0", "1"], ["n99999999"], NUMBERS[:-1], []]
)
def test_other_folders_keep_their_names_with_spaces(folders):
    assert class_names(folders) == [folder.replace("_", " ") for folder in folders]
    assert imagenet_folders(folders) == []
