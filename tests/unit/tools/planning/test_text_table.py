"""Tables in plain text."""

from tools.amounts import table, titled


def test_words_stand_to_the_left_and_numbers_to_the_right():
    drawn = table(("name", "images", ""), [("a", "1,000", "fine"), ("longer", "5", "")])
    assert drawn.split("\n") == ["name    images", "a        1,000  fine", "longer       5"]


def test_a_title_is_underlined():
    assert titled("Disk", "x") == "Disk\n----\nx\n"
