from benchmarks import startup


def test_the_start_of_a_stage_and_what_it_imports_late():
    assert startup.late_imports("kurtosis") == []
    assert startup.late_imports("extract")[0] == "import torch"
    module, whole = startup.rows("weights", 0.1, repeats=1)
    assert "torch" not in module.measured and ", torch" in whole.measured
