"""Inputs and outputs in the panel and on pages of their own, and the files that they name."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.conf import settings
from django.test import AsyncClient, Client
from flyteidl2.core import types_pb2

from runs.domain.errors import Invalid
from runs.domain.phases import Kind, Phase
from runs.domain.roles import Role, Subject, Way
from runs.domain.values.parts import Kind as PartKind
from runs.domain.values.parts import Part
from runs.queries.values import archives, files, values
from runs.store import storage
from tests.store.test_parquet import FILES
from tests.support import factories
from tests.support.values import LiteralType as T
from tests.support.values import blob, frame, give, make_with_values, spec_of, store

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_storage(settings: Any, tmp_path: Path) -> None:
    """A folder is what is in it: another test's files would be part of it."""
    settings.STORAGE_URL = f"file://{tmp_path}"


ACTION = "/v2/domain/development/project/flytesnacks/runs/run1/actions/x"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def outputs(**given: Any) -> None:
    make_with_values(factories.make_run(), outputs=given)


def panel(tab: str = "outputs") -> str:
    answer = Client(headers={"HX-Request": "true"}).get(f"{ACTION}?tab={tab}")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def page(value: str, query: str = "", status: int = 200) -> str:
    answer = Client().get(f"{ACTION}/values/outputs/{value}{query}")
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


async def downloaded(value: str, query: str = "") -> tuple[int, bytes, dict[str, str]]:
    answer: Any = await AsyncClient().get(f"{ACTION}/values/outputs/{value}/download{query}")
    if answer.streaming:
        return answer.status_code, b"".join([piece async for piece in answer]), dict(answer.headers)
    return answer.status_code, answer.content, dict(answer.headers)


def test_a_value_has_the_type_of_its_task_and_opens_by_part():
    run = factories.make_run()
    action = make_with_values(run, inputs={"lr": 0.5, "config": {"layers": [1, 2], "note": "<b>"}})
    of_list = T()
    of_list.collection_type.simple = types_pb2.STRING
    factories.change(action, spec=spec_of("train", {"lr": T(simple=types_pb2.FLOAT), "config": of_list}, {}))

    html = panel("inputs")

    assert '<code>lr</code> <span class="type">float</span>' in html
    assert '<span class="type">list[str]</span>' in html
    assert '<details class="part" open><summary><span class="key">layers</span>' in html
    assert '<span class="text">&lt;b&gt;</span>' in html
    assert f'href="{ACTION}/values/inputs/config"' in html


def test_a_long_text_is_truncated_in_the_panel_and_whole_one_click_away():
    outputs(o0="x" * 5_000)

    assert "Truncated: 5,000 characters" in panel()
    assert "x" * 5_000 in page("o0")


def test_a_file_shows_its_size_and_beginning():
    outputs(o0=blob(store("note.txt", b"hello <world>\n" * 3)))

    html = panel()

    assert '<span class="file-name">note.txt</span> <span class="muted">42' in html
    assert "hello &lt;world&gt;" in html
    assert f'href="{ACTION}/values/outputs/o0/download"' in html


def test_an_image_is_shown_by_its_content_under_a_policy_that_lets_it_do_nothing():
    outputs(
        o0=blob(store("plot", PNG)),
        o1=blob(store("a.svg", b"<svg><script>1</script></svg>")),
        o2=blob(store("b.png", b"<p>")),
    )

    html = panel()

    assert f'<img src="{ACTION}/values/outputs/o0/image" alt="plot"' in html
    answer = Client().get(f"{ACTION}/values/outputs/o1/image")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert Client().get(f"{ACTION}/values/outputs/o2/image").status_code == 400


def test_a_table_has_columns_types_first_rows_and_their_number():
    folder = store("df/00000", (FILES / "snappy.parquet").read_bytes()).removesuffix("/00000")
    outputs(
        o0=frame(folder),
        o1=frame(store("d/data.csv", b"id,name\n1,<b>\n2,x\n").removesuffix("/data.csv"), "csv"),
    )

    html = panel()

    assert "40 rows, 18 columns · the first 5" in html
    assert '<th scope="col" class="num">id <span class="type">int64</span>' in html
    assert "2 rows, 2 columns" in html
    assert "<td>&lt;b&gt;</td>" in html
    assert "the first 5" not in page("o0")


def test_a_damaged_table_says_so():
    outputs(o0=blob(store("x.parquet", b"PAR1 but no more")))

    assert "The file is cut: its end is missing." in panel()


def test_a_folder_lists_its_files_and_each_has_a_page():
    store("model/b/weights.bin", b"\xff\x00")
    outputs(o0=blob(store("model/a.json", b'{"lr": 1}').removesuffix("/a.json"), is_folder=True))

    assert f'<a href="{ACTION}/values/outputs/o0?file=b%2Fweights.bin">b/weights.bin</a>' in panel()
    assert "No preview of this kind of file." in page("o0", "?file=b/weights.bin")
    assert '<span class="key">lr</span>' in page("o0", "?file=a.json")
    assert "relative path" in page("o0", "?file=../../run1/x/1/outputs.pb") or "not in the storage" in page(
        "o0", "?file=../../run1/x/1/outputs.pb"
    )


async def test_a_download_is_the_file_as_it_is_and_never_a_page(transactional_db: None):
    from asgiref.sync import sync_to_async

    content = b"<script>1</script>" * 40_000
    await sync_to_async(outputs)(o0=blob(store("a b.html", content)), o1={"n": [1]}, o2="text")

    status, got, headers = await downloaded("o0")
    assert (status, got) == (200, content)
    assert headers["Content-Disposition"] == 'attachment; filename="a b.html"'
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert (await downloaded("o1"))[1] == b'{\n  "n": [\n    1\n  ]\n}'
    assert (await downloaded("o1", "?at=/n/0"))[1] == b"1"
    assert (await downloaded("o2"))[1] == b"text"
    assert (await downloaded("o9"))[0] == 404


async def test_a_folder_is_downloaded_as_one_zip_piece_by_piece(transactional_db: None):
    from asgiref.sync import sync_to_async

    large = random.Random(7).randbytes(2_000_000)

    def make() -> None:
        uri = store("model/a.json", b"{}").removesuffix("/a.json")
        store("model/deep/weights.bin", large)
        store("model/empty", b"")
        parts = store("parts/00000", b"1").removesuffix("/00000")
        store("parts/00001", b"2")
        outputs(o0=blob(uri, is_folder=True), o1=frame(parts))

    await sync_to_async(make)()

    answer: Any = await AsyncClient().get(f"{ACTION}/values/outputs/o0/download")
    pieces = [piece async for piece in answer]

    assert answer.headers["Content-Disposition"] == 'attachment; filename="model.zip"'
    assert max(map(len, pieces)) < 2 * archives.PIECE_BYTES
    with ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.json", "empty", "deep/weights.bin"]
        assert archive.read("deep/weights.bin") == large
    status, got, _ = await downloaded("o1")
    assert status == 200
    assert ZipFile(io.BytesIO(got)).namelist() == ["00000", "00001"]
    assert (await downloaded("o0", "?file=a.json"))[1] == b"{}"


@pytest.mark.parametrize("bound", ["MAX_FILES", "MAX_BYTES"])
async def test_a_folder_that_is_too_large_for_one_download_says_so(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, bound: str
):
    from asgiref.sync import sync_to_async

    monkeypatch.setattr(archives, bound, 1)
    await sync_to_async(store)("large/b", b"12")
    uri = await sync_to_async(store)("large/a", b"12")
    await sync_to_async(outputs)(o0=blob(uri.removesuffix("/a"), is_folder=True))

    status, got, _ = await downloaded("o0")

    assert status == 400
    assert "too much for one download" in got.decode()


def test_names_in_a_zip_stay_in_the_folder_where_it_is_unpacked():
    subject = Subject("ann", "ann", Way.LOCAL, everywhere=Role.ADMIN)
    odd = ["C:x", "a\\..\\b", "a_.._b", "ü"]
    for name in odd:
        uri = store(f"odd/{name}", name.encode()).removesuffix(f"/{name}")

    folder = archives.find_folder(Part(PartKind.DIR, "Dir", uri=uri), subject)
    with ZipFile(io.BytesIO(b"".join(archives.pack(folder, subject)))) as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}

    assert found == {"_x": "C:x", "a_.._b": "a\\..\\b", "a_.._b-2": "a_.._b", "ü": "ü"}
    Path(uri.removeprefix("file://"), "line\nfeed").touch()
    with pytest.raises(Invalid, match="a name that is not read here"):
        archives.find_folder(Part(PartKind.DIR, "Dir", uri=uri), subject)


def test_a_file_inside_of_a_structure_has_a_page():
    schema: dict[str, Any] = {
        "type": "object",
        "title": "Model",
        "properties": {"weights": {"type": "object", "x-flyte-type": "file", "title": "File"}},
    }
    run = factories.make_run()
    action = make_with_values(run, outputs={"o0": {"weights": {"path": store("w.txt", b"0.5")}}})
    of_model = T(simple=types_pb2.STRUCT)
    of_model.metadata.update(schema)
    factories.change(action, spec=spec_of("train", {}, {"o0": of_model}))

    assert (
        f'<a href="{ACTION}/values/outputs/o0?at=%2Fweights">w.txt</a> <span class="about">File</span>'
        in panel()
    )
    assert '<pre class="text">0.5</pre>' in page("o0", "?at=/weights")


@pytest.mark.parametrize("uri", ["/etc/passwd", "s3://elsewhere/x", "file:///etc/../etc/passwd"])
def test_what_is_not_in_the_storage_is_not_read(uri: str):
    outputs(o0=blob(uri))

    assert "It is not in the storage of this server." in panel()
    assert Client().get(f"{ACTION}/values/outputs/o0/image").status_code == 400


def test_what_is_gone_says_so():
    outputs(
        o0=blob(storage.join(settings.STORAGE_URL, "_raw/flytesnacks/gone.txt")),
        o1=blob(storage.join(settings.STORAGE_URL, "_raw/flytesnacks/none"), is_folder=True),
    )

    assert "There is no file at" in panel()
    assert "There is no such folder any more, or not yet." in panel()


def test_a_link_does_not_lead_to_a_project_that_one_may_not_read(tmp_path: Path):
    secret = store("secret.txt", b"theirs", project="theirs")
    root = Path(settings.STORAGE_URL.removeprefix("file://"))
    link = root / "_raw" / "flytesnacks" / "link.txt"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(secret.removeprefix("file://"))
    run = factories.make_run()
    make_with_values(run, outputs={"o0": blob(secret), "o1": blob(f"file://{link}")})
    subject = Subject("ann", "ann", Way.PAGE, projects={"flytesnacks": Role.VIEWER})

    for name in ("o0", "o1"):
        part = values.get_part(run.pk, "x", "outputs", name)
        assert (
            files.preview(part, subject, files.PANEL).note
            == "It is a file of a project that you may not read."
        )
    both = Subject("bob", "bob", Way.PAGE, projects={"flytesnacks": Role.VIEWER, "theirs": Role.VIEWER})
    assert files.preview(values.get_part(run.pk, "x", "outputs", "o0"), both, files.PANEL).text == "theirs"


def test_the_answer_of_a_condition_is_its_output():
    from runs.domain import conditions

    run = factories.make_run()
    factories.make_action(
        run,
        "x",
        parent=run.actions.get(),
        kind=Kind.CONDITION,
        phase=Phase.SUCCEEDED,
        value=conditions.to_bytes(7),
    )

    assert [part.text for part in (values.read_values(run.pk, "x", "outputs").parts or {}).values()] == ["7"]


def test_too_many_values_are_not_read(monkeypatch: pytest.MonkeyPatch):
    outputs(o0="x" * 100)
    monkeypatch.setattr("runs.queries.values.values.MAX_BYTES", 50)

    assert "values are too much to be shown here" in panel()
    assert "too much" in page("o0", status=400)


def test_the_values_of_an_action_take_one_statement(django_assert_num_queries: Any):
    run = factories.make_run()
    action = make_with_values(run, inputs={"n": 1})
    give(action, outputs={"o0": 2})

    with django_assert_num_queries(1):
        values.read_values(run.pk, "x", "outputs")
    assert "no &#x27;sides&#x27;" in Client().get(f"{ACTION}/values/sides/o0").content.decode()
