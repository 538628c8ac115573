"""`make site`: the documentation, the two pages and the pages of directions as one static site.

The documents are written to be read on GitHub, too, so Zensical gets copies of them. These keep
their paths, and with them the links to each other; a link to a file that is not on the site leads
to the repository.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Collection
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

import interpreting_clip
from interpreting_clip import measures
from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_whole
from tools.documents import about_project
from tools.repro import REPORT

PUBLISHED = Path("plots/published.html")

SETTINGS, STYLE = Path("tools/site.yaml"), Path("tools/site.css")

STAGED = Path(".scratch/site")
"""What Zensical reads, `mkdocs.yml` and the folder `pages`, and what it writes, `html`."""

DOCUMENTS = ("*.md", "docs/**/*.md", "docs/*.ipynb", "benchmarks/*.md", "data/*/README.md")

LINKS = {".md": re.compile(r"(?<=\]\()[^)#\s]+"), ".html": re.compile(r'(?<=\shref=")[^"#]+')}

NOT_SEARCHED = "---\nsearch: {exclude: true}\n---\n\n"
"""Before pages that would stand above the public functions and the guides in the search."""

API = {
    "docs/reference/api.md": "# The library\n\n::: interpreting_clip\n    options: "
    f"{{members: [{', '.join(interpreting_clip.__all__)}]}}\n",
    **{
        f"docs/reference/api/{name}.md": NOT_SEARCHED
        + f"# {name}\n\n::: {measures.__name__}.{name}\n"
        for _, name, _ in iter_modules(measures.__path__)
    },
}
"""The pages that mkdocstrings writes from docstrings."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--to", type=Path, default=Path("site"), help="the folder; default: site")


def main(*, to: Path = Path("site")) -> None:
    """Build the site, and say where to open it."""
    older = (to / "search.json").is_file()
    if to.exists() and not older and not (to.is_dir() and not any(to.iterdir())):
        raise InputError(
            f"{to}: expected nothing, or a site that `make site` made, got something else; move it "
            "away, or choose another folder with `make site SITE=folder`"
        )
    shutil.rmtree(STAGED, ignore_errors=True)
    stage(STAGED / "pages")
    build = [sys.executable, "-m", "zensical", "build", "--strict", "-f", STAGED / "mkdocs.yml"]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode:
        # In strict mode, Zensical ends with a traceback after the problems that it explains.
        explained, _, traceback = done.stderr.partition("Traceback")
        sys.stderr.write(explained if "--strict" in traceback else done.stderr)
        raise InputError(f"{STAGED / 'pages'}: Zensical found the problems above; correct them")
    if older:
        shutil.rmtree(to)
    shutil.copytree(STAGED / "html", to, dirs_exist_ok=True)
    sys.stdout.write(
        f"{to / 'index.html'}: open it, or serve {to} with any web host; to search it on this "
        f"machine, run `python -m http.server --directory {to}` and open http://localhost:8000\n"
    )


def stage(pages: Path) -> None:
    """Write what Zensical reads."""
    browsed = load_tree(PARAMS)["browse"]["encoders"]
    folders = [f"plots/directions/{key}/**/*.*" for key in browsed]
    for file in files("plots/*.*", "plots/directions/*.js", *folders):
        write_whole(pages / file, file.read_bytes())
    repository = about_project()["urls"]["Repository"]
    documents = files(*DOCUMENTS)
    for file in (*documents, REPORT, PUBLISHED):
        text = notebook(file) if file.suffix == ".ipynb" else file.read_text("utf-8")
        copy = (pages / file).with_suffix(file.suffix.replace(".ipynb", ".md"))

        def address(match: re.Match[str], page: Path = file) -> str:
            return site_address(match[0], page, documents, pages, repository)

        text = LINKS[copy.suffix].sub(address, text)
        if file.parent.name == "benchmarks":
            text = NOT_SEARCHED + text
        write_whole(copy, (indented(text) if copy.suffix == ".md" else text).encode())
    for page, text in API.items():
        write_whole(pages / page, text.encode())
    write_whole(pages / STYLE.name, STYLE.read_bytes())
    settings = {**load_tree(SETTINGS), "nav": navigation(browsed, repository)}
    write_whole(pages.parent / "mkdocs.yml", yaml.safe_dump(settings).encode())


def files(*patterns: str) -> list[Path]:
    """Return the files of these patterns, sorted."""
    return sorted({file for each in patterns for file in Path().glob(each) if file.is_file()})


def site_address(
    link: str, page: Path, documents: Collection[Path], pages: Path, repository: str
) -> str:
    """Return where a link of a page leads on the site."""
    if urlsplit(link).scheme:
        return link
    target = Path(os.path.relpath(page.parent / unquote(link)))
    if target in documents:
        if page.suffix == ".html":
            return f"{link.removesuffix(target.name)}{target.stem.replace('README', 'index')}.html"
        return link.replace(".ipynb", ".md")
    if (pages / target).is_file():
        return link
    if not target.exists():
        result = target.parts[0] == "plots"
        advice = "run `make repro` or `dvc pull`" if result else "correct the link"
        raise InputError(f"{page}: links to {target}, which is not there; {advice}")
    return f"{repository}/blob/main/{target.as_posix()}"


def indented(text: str) -> str:
    """Indent what is in the items of lists by four spaces; GitHub is content with three."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [re.sub("^   ", "    ", each, flags=re.MULTILINE) for each in parts[::2]]
    return "".join(parts)


def notebook(file: Path) -> str:
    """Return a notebook, with what it showed, as Markdown."""
    parts = []
    for cell in read_json(file)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            shown = output.get("data", {"text/plain": output.get("text", ())})
            text = {kind: "".join(lines).rstrip() for kind, lines in shown.items()}
            if "image/svg+xml" in text:
                data = b64encode(text["image/svg+xml"].encode()).decode()
                parts.append(f"![Chart](data:image/svg+xml;base64,{data})")
            else:
                parts.append(text.get("text/html") or f"```\n{text['text/plain']}\n```")
    return "\n\n".join(parts)


def navigation(browsed: Collection[str], repository: str) -> list[Any]:
    """Return the README's list of documents, with the pages that only the site has."""
    library, *modules = API
    more: dict[str, list[Any]] = {
        "Results": [
            {"The study's page": REPORT.as_posix()},
            {"Published models": PUBLISHED.as_posix()},
            *({f"Directions of {key}": f"plots/directions/{key}/index.html"} for key in browsed),
        ],
        "Reference": [library, {"The measures, for NumPy": list(modules)}],
    }
    listed = Path("README.md").read_text("utf-8").partition("\n## Documentation\n")[2]
    sections: list[Any] = [{"Home": "README.md"}]
    for item in re.split(r"^\* ", listed.partition("\n## ")[0], flags=re.MULTILINE)[1:]:
        links = [link.replace(".ipynb", ".md") for link in re.findall(r"\]\(([^)]+)\)", item)]
        name, colon, _ = item.partition(": ")
        sections += [{name: more.pop(name, []) + links}] if colon else links
    return [
        *sections,
        *({name: places} for name, places in more.items()),
        {"Repository": repository},
    ]
