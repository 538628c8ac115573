"""The catalogue names every measure as it is."""

import ast
import inspect
import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

import interpreting_clip as ic
from interpreting_clip.catalogue import MEASURES
from interpreting_clip.charts.chart import CHARTS
from interpreting_clip.config.params import Params
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.result import Result
from interpreting_clip.study.sections import Sections
from tests.reads import ROOT

NAMES = getattr(ic, "__all__")  # noqa: B009 - type checkers do not see it
WITH_SETTINGS = {name: measure.settings for name, measure in MEASURES.items() if measure.settings}


def plain(kind: Any) -> Any:
    """Return a type without its limits; a list of numbers is any sequence of these."""
    if get_origin(kind) is Annotated:
        return plain(get_args(kind)[0])
    if get_origin(kind) in (UnionType, Union):
        return {plain(one) for one in get_args(kind)}
    if get_origin(kind) is Literal:
        return set(get_args(kind))
    return ("sequence", *map(plain, get_args(kind))) if get_args(kind) else kind


def test_the_library_offers_its_measures_and_editors_see_the_same():
    assert (*MEASURES, "compare", "chart") == NAMES
    for name, measure in MEASURES.items():
        assert getattr(ic, name) is measure.function
        assert measure.within in ("", *MEASURES)
    imports = [
        n for n in ast.walk(ast.parse(inspect.getsource(ic))) if isinstance(n, ast.ImportFrom)
    ]
    seen = [name.asname for node in imports for name in node.names if name.asname == name.name]
    assert sorted(map(str, seen)) == sorted(NAMES)


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_settings_are_keywords_of_the_same_names_types_and_defaults(name):
    measure = MEASURES[name]
    signature, hints = inspect.signature(measure.function), get_type_hints(measure.function)
    settings = WITH_SETTINGS[name]
    defaults, kinds = settings(), get_type_hints(settings, include_extras=True)
    fields = [field.name for field in msgspec.structs.fields(settings)]
    if measure.within:  # takes a part of them
        fields = [field for field in fields if field in signature.parameters]
    for field in fields:
        default = signature.parameters[field].default
        assert getattr(defaults, field) == (list(default) if type(default) is tuple else default)
        assert plain(hints[field]) == plain(kinds[field]), field
        assert signature.parameters[field].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("name", MEASURES)
def test_the_docstring_explains_every_argument(name):
    documented = str(inspect.getdoc(MEASURES[name].function))
    listed = re.findall(r"^([a-z_, ]+) : ", documented, re.MULTILINE)
    named = {argument for line in listed for argument in line.split(", ")}
    assert named == set(inspect.signature(MEASURES[name].function).parameters)


@pytest.mark.parametrize("name", MEASURES)
def test_parameters_stand_in_the_study_with_the_defaults(name):
    measure, study = MEASURES[name], load_tree(ROOT / "params.yaml")
    parameters = inspect.signature(measure.function).parameters
    if measure.settings:
        section = measure.section or name
        assert get_type_hints(Sections, include_extras=True)[section] is measure.settings
        for key in parameters.keys() & study[section].keys() - {"minimum_images"}:
            default = parameters[key].default
            assert study[section][key] == (list(default) if type(default) is tuple else default)
    for key, path in measure.elsewhere.items():
        params = Params(Path(ROOT / "params.yaml"))
        assert params.read(path, type(parameters[key].default)) == parameters[key].default


def test_a_chart_is_of_a_result_of_a_measure_of_layers_or_of_several_encoders():
    returned = [get_type_hints(measure.function)["return"] for measure in MEASURES.values()]
    results = {kind for one in returned for kind in get_args(one) or [one]}
    assert all(issubclass(kind, Result) for kind in results)
    assert {kind.__name__ for kind in CHARTS.keys() - results} == {"LayerCka", "Comparison"}
