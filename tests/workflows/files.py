"""Files and folders that tasks hand over, and go on to change."""

import shutil
import tempfile
from pathlib import Path

import flyte
from flyte.io import Dir, File

env = flyte.TaskEnvironment(name="files")


def written(folder: str, text: str) -> Path:
    path = Path(folder, "note.txt")
    path.write_text(text)
    return path


@env.task
async def hands_over_a_file() -> File:
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, "as it was")
        file = await File.from_local(path)
        path.write_text("changed later")
        return file


@env.task
def hands_over_a_file_as_a_function() -> File:
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, "as it was")
        file = File.from_local_sync(path)
        path.write_text("changed later")
        return file


@env.task
async def hands_over_a_folder() -> Dir:
    folder = tempfile.mkdtemp()
    written(folder, "as it was")
    handed = await Dir.from_local(folder)
    shutil.rmtree(folder)
    return handed


@env.task
def hands_over_a_folder_as_a_function() -> Dir:
    folder = tempfile.mkdtemp()
    written(folder, "as it was")
    handed = Dir.from_local_sync(folder)
    shutil.rmtree(folder)
    return handed


@env.task
async def writes_remotely() -> File:
    file = File.new_remote("note.txt")
    async with file.open("wb") as opened:
        await opened.write(b"as it was")
    return file


async def text_of(file: File) -> str:
    """What it holds, opened and downloaded; and the download is changed, which is nobody else's business."""
    async with file.open("rb") as opened:
        text = bytes(await opened.read()).decode()
    path = Path(await file.download())
    assert path.read_text() == text
    path.write_text("changed in the download")
    return text


@env.task
async def reads(file: File) -> str:
    return f"{await text_of(file)}, {await text_of(file)}"


@env.task
def reads_as_a_function(file: File) -> str:
    with file.open_sync("rb") as opened:
        text = opened.read().decode()
    path = Path(file.download_sync())
    assert path.read_text() == text
    path.write_text("changed in the download")
    with file.open_sync("rb") as opened:
        return f"{text}, {opened.read().decode()}"


@env.task
async def reads_folder(folder: Dir) -> str:
    path = Path(await folder.download()) / "note.txt"
    text = path.read_text()
    path.write_text("changed in the download")
    return f"{text}, {(Path(await folder.download()) / 'note.txt').read_text()}"


@env.task
def reads_folder_as_a_function(folder: Dir) -> str:
    path = Path(folder.download_sync()) / "note.txt"
    text = path.read_text()
    path.write_text("changed in the download")
    return f"{text}, {(Path(folder.download_sync()) / 'note.txt').read_text()}"


@env.task
async def reads_both(file: File, folder: Dir) -> str:
    root = Path(await folder.download())
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    async with file.open("rb") as opened:
        return f"{bytes(await opened.read()).decode()} and {', '.join(names)}"


@env.task
async def main() -> str:
    said = []
    for file in (
        await hands_over_a_file(),
        await hands_over_a_file_as_a_function.aio(),
        await writes_remotely(),
    ):
        said += [await reads(file), await reads_as_a_function.aio(file)]
    for folder in (await hands_over_a_folder(), await hands_over_a_folder_as_a_function.aio()):
        said += [await reads_folder(folder), await reads_folder_as_a_function.aio(folder)]
    return f"{len(said)} times {sorted(set(said))}"  # short, because the client breaks lines
