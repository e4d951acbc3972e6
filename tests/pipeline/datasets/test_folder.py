"""Images of one's own: a directory a class."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image
from torchvision.datasets.folder import IMG_EXTENSIONS

from pipeline.datasets import specification
from pipeline.datasets.image_files import EXTENSIONS, image_files
from tests.pipeline.datasets.miniatures import image_folder

FOLDER = specification("folder")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    image_folder(tmp_path / "images")
    return tmp_path / "images"


def read_as_torchvision_reads(images: Path, tmp_path: Path) -> tuple[int, ...]:
    """Shape of the images."""
    FOLDER.fetch(tmp_path / "raw", [str(images)])
    raw = FOLDER.read(tmp_path / "raw")
    theirs = torchvision.datasets.ImageFolder(str(images))
    pairs = sorted((np.asarray(image).tobytes(), label) for image, label in theirs)
    ours = sorted(
        (image.transpose(1, 2, 0).tobytes(), int(label))
        for image, label in zip(raw.images, raw.labels, strict=True)
    )
    assert ours == pairs
    return raw.images.shape


def test_it_reads_what_torchvision_reads(images: Path, tmp_path: Path) -> None:
    assert EXTENSIONS == IMG_EXTENSIONS
    assert read_as_torchvision_reads(images, tmp_path) == (4 + 5 + 6, 3, 6, 5)


def test_links_to_directories_are_followed_as_torchvision_follows_them(
    images: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "below").mkdir(parents=True)
    for value, name in enumerate(("1.png", "below/2.png")):
        Image.new("RGB", (5, 6), (value, 200, 7)).save(elsewhere / name)
    (images / "ant" / "more").symlink_to(elsewhere)
    (images / "bee" / "further").mkdir()
    (images / "bee" / "further" / "more").symlink_to(elsewhere / "below")
    (images / "dog").symlink_to(elsewhere)
    assert read_as_torchvision_reads(images, tmp_path) == (4 + 5 + 6 + 2 + 1 + 2, 3, 6, 5)


def test_links_in_a_circle_are_walked_once(images: Path, tmp_path: Path) -> None:
    before = list(image_files(images))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(images / "ant" / "0.png", elsewhere / "1.png")
    (elsewhere / "back").symlink_to(images / "ant")
    for name, target in (
        ("self", images / "ant"),
        ("set", images),
        ("above", tmp_path),
        ("out", elsewhere),
        ("twice", elsewhere),
    ):
        (images / "ant" / name).symlink_to(target)
    assert sorted(image_files(images)) == sorted([*before, "ant/out/1.png"])


@pytest.mark.parametrize("kind", ["zip", "gztar", "tar"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_an_archive_gives_the_same(images: Path, tmp_path: Path, kind: str, wrapped: bool) -> None:
    root, base = (images.parent, images.name) if wrapped else (images, None)
    archive = shutil.make_archive(str(tmp_path / "packed" / "set"), kind, root, base)
    FOLDER.fetch(tmp_path / "a", [str(images)])
    FOLDER.fetch(tmp_path / "b", [str(tmp_path / "nowhere"), archive])
    assert (tmp_path / "a/manifest.json").read_text() == (tmp_path / "b/manifest.json").read_text()
    assert np.array_equal(FOLDER.read(tmp_path / "a").images, FOLDER.read(tmp_path / "b").images)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "images", "packed"]


def test_a_changed_source_is_fetched_anew(images: Path, tmp_path: Path) -> None:
    FOLDER.fetch(tmp_path / "raw", [str(images)])
    (images / "ant" / "0.png").unlink()
    FOLDER.fetch(tmp_path / "raw", [str(images)])
    assert len(FOLDER.read(tmp_path / "raw").labels) == 14


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("L", (7, 4), 9).save(tmp_path / "images" / name / "1.PNG")
    FOLDER.fetch(tmp_path / "raw", [str(tmp_path / "images")])
    assert FOLDER.read(tmp_path / "raw").images.shape == (2, 1, 4, 7)


def broken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda path: path.write_bytes(b"no image"), r"bee/2.png is no whole image .*; replace it"),
        (broken, r"bee/2.png is no whole image .*; replace it"),
        (
            lambda path: Image.new("RGB", (6, 6)).save(path),
            r"bee/2.png is 6×6 colour where ant/0.png is 5×6 colour; make all images one size",
        ),
        (
            lambda path: Image.new("L", (5, 6)).save(path),
            r"bee/2.png is 5×6 grey where ant/0.png is 5×6 colour; make all images one size",
        ),
        (
            lambda path: Image.new("RGBA", (5, 6)).save(path),
            r"bee/2.png has the mode RGBA; convert it",
        ),
        (
            lambda path: (
                shutil.rmtree(path.parents[1] / "cat" / "deep")
                or [p.unlink() for p in (path.parents[1] / "cat").iterdir()]
            ),
            r"cat holds no image \(.jpg, .*\); add some, or remove the directory",
        ),
        (
            lambda path: [shutil.rmtree(path.parents[1] / name) for name in ("ant", "cat")],
            r"images holds 1 directories; give it one for each of at least two classes",
        ),
    ],
)
def test_images_that_will_not_do_are_named(
    images: Path,
    tmp_path: Path,
    spoil: object,
    complaint: str,
) -> None:
    assert callable(spoil)
    spoil(images / "bee" / "2.png")
    with pytest.raises(ValueError, match=complaint):
        FOLDER.fetch(tmp_path / "raw", [str(images)])
    assert list(tmp_path.iterdir()) == [images]


def test_places_that_are_no_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(ValueError, match="no place gave images") as refused:
        FOLDER.fetch(tmp_path / "raw", [str(tmp_path / "file.txt"), "https://example.org/x.zip"])
    assert f"{tmp_path}/file.txt: it is neither a directory nor an archive" in str(refused.value)
    assert "https://example.org/x.zip: it is a web address" in str(refused.value)


def test_a_stray_file_among_raw_images_is_refused(images: Path, tmp_path: Path) -> None:
    FOLDER.fetch(tmp_path / "raw", [str(images)])
    shutil.copy(images / "ant" / "0.png", tmp_path / "raw" / "bee" / "stray.png")
    with pytest.raises(ValueError, match=r"bee/stray.png is no file of the data set; run the down"):
        FOLDER.read(tmp_path / "raw")
    (tmp_path / "raw" / "bee" / "stray.png").unlink()
    FOLDER.read(tmp_path / "raw")
    (tmp_path / "raw" / "ant" / "0.png").unlink()
    with pytest.raises(ValueError, match=r"ant/0.png is missing; run the download stage again"):
        FOLDER.read(tmp_path / "raw")
