import pytest

from interpreting_clip.errors import InputError
from page.plot_templates import CHECK, FOLDER, main, template_files


def test_templates_are_written_and_then_up_to_date(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = template_files()
    assert len(files) == 12 and files == template_files()
    with pytest.raises(InputError, match=r"out of date for .*kurtosis\.json.*`make docs`"):
        main(CHECK)
    main()
    main(CHECK)
    (FOLDER / "cka.json").write_text("{}")
    with pytest.raises(InputError, match=r"out of date for cka\.json;"):
        main(CHECK)
