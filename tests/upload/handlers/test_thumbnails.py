"""What becomes of images: upright, small, without metadata, and of what is no image nothing."""

import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from cdp_constructs.upload.handlers.thumbnails import images
from cdp_constructs.upload.handlers.thumbnails.images import UnreadableImageError, scans_of, shrink
from tests.handlers import import_handler
from tests.images import chunk, png, scanned_again
from tests.strategies import bodies

CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1")
ORIENTATION, GPS = 0x0112, 0x8825
RED, BLUE = (200, 30, 30), (30, 30, 200)
ROOT = Path(__file__).parents[3]
WITH_LITTLE_MEMORY = """
import sys
from cdp_constructs.upload.handlers.thumbnails import decoding
try:
    decoding.shrink_within(decoding.Limits(30, 40), sys.stdin.buffer.read(), sys.argv[1], 320)
except decoding.UnreadableImageError as error:
    print(f"{error}:{error.detail}")
"""


class Bucket:
    """Stands for S3."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.failing = False

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        if self.failing:
            raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Key: str, Body: bytes, IfNoneMatch: str, **options: Any) -> None:  # noqa: N803
        assert IfNoneMatch == "*"
        assert options["ContentType"] == "image/webp"
        if Key in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Key] = Body


class Topic:
    """Stands for SNS."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def publish(self, *, Message: str, MessageAttributes: dict[str, Any], **_: Any) -> None:  # noqa: N803
        assert set(MessageAttributes) == {"owner", "content_type"}
        self.messages.append(json.loads(Message))


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    environment = {
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1536",
        "AWS_LAMBDA_FUNCTION_NAME": "thumbnails",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "DECODING_SECONDS": "10",
        "PIXELS": "320",
        "TOPIC_ARN": "arn:topic",
        "POWERTOOLS_METRICS_NAMESPACE": "CdpConstructs",
        "POWERTOOLS_SERVICE_NAME": "Function",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = import_handler("cdp_constructs.upload.handlers.thumbnails")
    module.metrics.clear_metrics()
    vars(module).update(s3=Bucket(), sns=Topic())
    return module


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def two_halves(width: int = 800, height: int = 400, mode: str = "RGB") -> Image.Image:
    """Return an image that is red on the left and blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image.convert(mode)


def photo(**options: Any) -> bytes:
    """Return what a phone makes: stored sideways, with orientation and place in its EXIF."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (35.0, 39.0, 31.0)
    return saved(two_halves(), "JPEG", exif=exif.tobytes(), **options)


def message(key: str = "accepted/ann/u1/cat.jpg", content_type: str = "image/jpeg", **others: Any) -> dict[str, Any]:
    return {"upload_id": "u1", "owner": "ann", "bucket": "files", "key": key, "content_type": content_type} | (
        {"size": 1000, "metadata": {"room": "r"}} | others
    )


def run(index: Any, *messages: dict[str, Any]) -> list[str]:
    """Work on a batch, and return the ids of the records that failed."""
    records = [{"messageId": str(number), "body": json.dumps(item)} for number, item in enumerate(messages)]
    return [item["itemIdentifier"] for item in index.handler({"Records": records}, CONTEXT)["batchItemFailures"]]


def opened(thumbnail: bytes) -> Any:
    image = Image.open(io.BytesIO(thumbnail))
    assert image.format == "WEBP"
    assert max(image.size) <= 320
    return image.convert("RGBA")


def is_close(colour: Any, expected: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(colour, expected, strict=False))


def test_a_photo_stands_upright_and_does_not_say_where_it_was_taken(index: Any) -> None:
    index.s3.objects["accepted/ann/u1/cat.jpg"] = photo()
    assert run(index, message()) == []
    thumbnail = index.s3.objects["accepted/ann/u1/thumbnail/320.webp"]
    image = opened(thumbnail)
    # Orientation 6: what is stored on the left belongs to the top.
    assert image.size == (160, 320)
    assert is_close(image.getpixel((80, 40)), RED)
    assert is_close(image.getpixel((80, 280)), BLUE)
    assert not Image.open(io.BytesIO(thumbnail)).getexif()
    assert b"EXIF" not in thumbnail


def test_consumers_hear_of_the_upload_and_its_thumbnail(index: Any) -> None:
    index.s3.objects["accepted/ann/u1/cat.jpg"] = photo()
    run(index, message())
    (published,) = index.sns.messages
    thumbnail = published.pop("thumbnail")
    assert published == message()
    assert thumbnail == {
        "key": "accepted/ann/u1/thumbnail/320.webp",
        "content_type": "image/webp",
        "size": len(index.s3.objects["accepted/ann/u1/thumbnail/320.webp"]),
        "width": 160,
        "height": 320,
    }


def test_a_second_delivery_writes_nothing_and_publishes_again(index: Any) -> None:
    index.s3.objects["accepted/ann/u1/cat.jpg"] = photo()
    assert run(index, message(), message()) == []
    first, second = index.sns.messages
    assert first == second


@pytest.mark.parametrize(
    ("content_type", "kind", "mode", "options"),
    [
        ("image/png", "PNG", "P", {}),
        ("image/png", "PNG", "L", {}),
        ("image/png", "PNG", "1", {}),
        ("image/png", "PNG", "LA", {}),
        ("image/png", "PNG", "RGBA", {}),
        ("image/gif", "GIF", "P", {}),
        ("image/webp", "WEBP", "RGB", {}),
        ("image/avif", "AVIF", "RGB", {}),
        ("image/bmp", "BMP", "RGB", {}),
        ("image/bmp", "BMP", "P", {}),
        ("image/bmp", "BMP", "1", {}),
        ("image/jpeg", "JPEG", "L", {}),
        ("image/jpeg", "JPEG", "CMYK", {}),
        ("image/jpeg", "JPEG", "RGB", {"progressive": True}),
        ("image/jpeg", "MPO", "RGB", {"save_all": True, "append_images": [two_halves()]}),
    ],
)
def test_every_kind_of_image_gets_one(content_type: str, kind: str, mode: str, options: Any) -> None:
    thumbnail = shrink(saved(two_halves(mode=mode), kind, **options), content_type, 320)
    image = opened(thumbnail.content)
    assert (thumbnail.width, thumbnail.height) == image.size == (320, 160)
    left, right = image.getpixel((80, 80)), image.getpixel((240, 80))
    if mode in {"L", "LA", "1"}:
        assert max(left[:3]) - min(left[:3]) <= 3
    else:
        assert is_close(left, RED)
        assert is_close(right, BLUE)


def test_of_an_animation_the_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, BLUE)]
    for kind, content_type in (("GIF", "image/gif"), ("WEBP", "image/webp"), ("PNG", "image/png")):
        animation = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
        thumbnail = shrink(animation, content_type, 320).content
        assert is_close(opened(thumbnail).getpixel((20, 20)), RED)
        assert getattr(Image.open(io.BytesIO(thumbnail)), "n_frames", 1) == 1


def test_what_is_transparent_stays_so() -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 200, 400))
    for kind, content_type in (("PNG", "image/png"), ("GIF", "image/gif")):
        thumbnail = shrink(saved(image, kind), content_type, 320).content
        picture = opened(thumbnail)
        assert is_close(picture.getpixel((80, 160)), RED)
        assert picture.getpixel((240, 160))[3] == 0


def test_sixteen_bits_of_grey_do_not_become_white() -> None:
    image = Image.new("I;16", (100, 100), 0x4000)
    thumbnail = shrink(saved(image, "PNG"), "image/png", 320).content
    assert abs(opened(thumbnail).getpixel((50, 50))[0] - 0x40) < 8


def test_a_profile_stays_with_its_colours_only() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode, kept in (("RGB", profile), ("CMYK", None)):
        thumbnail = shrink(saved(two_halves(mode=mode), "JPEG", icc_profile=profile), "image/jpeg", 320).content
        assert Image.open(io.BytesIO(thumbnail)).info.get("icc_profile") == kept


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000), (320, 320), (321, 10)])
def test_odd_shapes_and_small_ones(size: tuple[int, int]) -> None:
    thumbnail = shrink(saved(Image.new("RGB", size), "PNG"), "image/png", 320)
    assert opened(thumbnail.content).size == (thumbnail.width, thumbnail.height)
    assert thumbnail.width <= size[0]
    assert thumbnail.height <= max(size[1], 1)


def before_the_picture(*chunks: bytes) -> bytes:
    """Return a picture of 8 by 8 pixels with more chunks before it."""
    return png(8, 8, *chunks, chunk(b"IDAT", zlib.compress(bytes(25 * 8))))


def test_a_jpeg_of_200_megapixels_is_made_small_while_it_is_decoded() -> None:
    content = saved(Image.new("L", (20_000, 10_000), 90), "JPEG")
    thumbnail = shrink(content, "image/jpeg", 320)
    assert (thumbnail.width, thumbnail.height) == (320, 160)


def bomb(width: int = 40_000, height: int = 40_000) -> bytes:
    """Return a PNG of a few bytes that says it is so large."""
    return png(width, height, chunk(b"IDAT", zlib.compress(bytes(1000))), colour=6)


@pytest.mark.parametrize(
    ("content", "content_type", "reason"),
    [
        (bomb(), "image/png", "too-many-pixels"),
        (bomb(1, 64_000_000), "image/png", "too-many-pixels"),
        (scanned_again(100_000), "image/jpeg", "too-many-scans"),
        # Few scans, and each of 64 megapixels.
        (scanned_again(20, side=8000), "image/jpeg", "too-many-scans"),
        (b"\xff\xd8\xff" + bytes(100), "image/jpeg", "broken"),
        (b"", "image/jpeg", "broken"),
        # A decoder of another type is never asked: PostScript would start a program.
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image/jpeg", "broken"),
        (saved(two_halves(), "PNG"), "image/gif", "broken"),
    ],
    ids=["bomb", "thread", "scans", "large scans", "header only", "empty", "postscript", "another type"],
)
def test_what_cannot_be_read_is_counted_and_not_tried_again(
    index: Any, capsys: pytest.CaptureFixture[str], content: bytes, content_type: str, reason: str
) -> None:
    index.s3.objects["accepted/ann/u1/cat.jpg"] = content
    index.s3.objects["accepted/ann/u2/cat.jpg"] = photo()
    behind = message("accepted/ann/u2/cat.jpg", upload_id="u2")
    assert run(index, message(content_type=content_type), behind) == []
    assert [published["upload_id"] for published in index.sns.messages] == ["u2"]
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (metrics["UnreadableImages"], metrics["MadeThumbnails"]) == ([1.0], [1.0])
    assert (metrics["function_name"], metrics["service"]) == ("thumbnails", "Function")
    with pytest.raises(UnreadableImageError, match=reason):
        shrink(content, content_type, 320)


def test_previews_inside_a_photo_are_no_scans_of_it() -> None:
    preview = saved(two_halves(80, 40), "JPEG", progressive=True)
    segment = 50 * b"\xff\xda\x00\x08" + preview
    holding = b"\xff\xe5" + (len(segment) + 2).to_bytes(2) + segment
    camera = photo()
    several = camera[:2] + 10 * holding + camera[2:]
    assert scans_of(several) == scans_of(camera) == 1
    assert shrink(several, "image/jpeg", 320).width == 160
    # What follows the end of the first picture is not decoded either.
    assert scans_of(camera + scanned_again(200)) == 1


@pytest.mark.parametrize(
    "inside",
    [
        b"\xff\x00",
        b"\xff\xd0",
        b"\xff\x01",
        b"\xff\x02\xff\xff",
        b"\xff\xff",
        b"\x00",
        b"\xff\xfe\x00\x02",
        b"\xff\xfe\x00\x00",
    ],
)
def test_scans_cannot_be_hidden(inside: bytes) -> None:
    picture = scanned_again(0)
    last = picture[picture.rindex(b"\xff\xda") : -2]
    assert scans_of(picture[:-2] + 200 * (last + inside) + picture[-2:]) > images.MOST_SCANS


def test_counting_scans_takes_no_longer_than_reading_the_file() -> None:
    began = time.process_time()
    for content in (b"\xff" * 10_000_000, b"\xff\xd8" + b"\xff\x00" * 5_000_000, b"\xff\xd8" + b"\xff\xd0" * 5_000_000):
        assert scans_of(content) == 0
    assert time.process_time() - began < 3


def test_ordinary_progressive_photos_of_any_size_have_few_scans() -> None:
    for mode in ("L", "RGB", "CMYK"):
        assert scans_of(saved(two_halves(mode=mode), "JPEG", progressive=True)) * images.MOST_PIXELS < (
            images.MOST_SCANNED_PIXELS
        )


class TestWithinATime:
    """Decoding happens in a process that is ended when it takes too long."""

    @pytest.fixture
    def decoding(self, index: ModuleType) -> Any:
        """Return the module of the handler that ``index`` has just imported."""
        return import_module(index.shrink_within.__module__)

    @pytest.fixture
    def endless(self, decoding: Any, monkeypatch: pytest.MonkeyPatch) -> bytes:
        """Return an image that libjpeg decodes for minutes, when nobody counts its scans."""
        monkeypatch.setitem(decoding.shrink.__globals__, "scans_of", lambda _: 1)
        return scanned_again(20_000, side=2000)

    def test_an_image_that_is_read_in_time_is_as_if_nothing_had_happened(self, decoding: Any) -> None:
        assert vars(decoding.shrink_within(decoding.Limits(10, 1408), photo(), "image/jpeg", 320)) == vars(
            shrink(photo(), "image/jpeg", 320)
        )

    def test_a_decoder_is_interrupted_in_the_middle_of_its_work(self, decoding: Any, endless: bytes) -> None:
        began = time.monotonic()
        with pytest.raises(decoding.UnreadableImageError, match="too-slow"):
            decoding.shrink_within(decoding.Limits(0.3, 1408), endless, "image/jpeg", 320)
        assert time.monotonic() - began < 3
        assert multiprocessing.active_children() == []

    def test_it_is_counted_and_not_tried_again(
        self, index: Any, endless: bytes, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        vars(index)["LIMITS"] = index.Limits(0.3, 1408)
        index.s3.objects["accepted/ann/u1/cat.jpg"] = endless
        index.s3.objects["accepted/ann/u2/cat.jpg"] = saved(two_halves(40, 20), "JPEG")
        assert run(index, message(), message("accepted/ann/u2/cat.jpg", upload_id="u2")) == []
        assert [published["upload_id"] for published in index.sns.messages] == ["u2"]
        assert '"UnreadableImages":[1.0]' in capsys.readouterr().out
        logged, made = (vars(record) for record in caplog.records)
        assert made["folder"] == "accepted/ann/u2"
        assert (logged["reason"], logged["folder"]) == ("too-slow", "accepted/ann/u1")
        assert "cat.jpg" not in f"{logged}{made}"

    @pytest.mark.parametrize(
        ("kind", "options"),
        [("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}), ("WEBP", {"method": 0}), ("AVIF", {"speed": 10})],
    )
    def test_a_decoder_that_wants_too_much_memory_gets_none(self, kind: str, options: Any) -> None:
        image = Image.new("L", (7000, 7000)) if kind in {"PNG", "GIF"} else Image.new("RGB", (3000, 3000))
        # In a new interpreter, as in a function: what the tests before have freed here would be memory enough.
        done = subprocess.run(
            [sys.executable, "-c", WITH_LITTLE_MEMORY, f"image/{kind.lower()}"],
            input=saved(image, kind, **options),
            capture_output=True,
            check=True,
            cwd=ROOT,
        )
        reason, _, detail = done.stdout.decode().partition(":")
        assert reason == "broken"
        assert "crashed" not in detail

    @pytest.mark.parametrize("end", [lambda: os._exit(1), lambda: os.kill(os.getpid(), signal.SIGKILL)])
    def test_a_decoder_that_crashes_takes_nothing_along(
        self, decoding: Any, monkeypatch: pytest.MonkeyPatch, end: Callable[[], None]
    ) -> None:
        monkeypatch.setattr(decoding, "shrink", lambda *_: end())
        with pytest.raises(decoding.UnreadableImageError, match="broken") as raised:
            decoding.shrink_within(decoding.Limits(10, 1408), photo(), "image/jpeg", 320)
        assert "crashed" in raised.value.detail
        assert multiprocessing.active_children() == []


def with_frames(kind: str, number: int) -> bytes:
    frames = [Image.new("RGB", (8, 8), (shade % 256, 0, 0)) for shade in range(number)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=10)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (before_the_picture(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000)))), "image/png"),
        (before_the_picture(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(100_000_000)))), "image/png"),
        (before_the_picture(100_000 * chunk(b"tEXt", b"a\0")), "image/png"),
        (before_the_picture(100_000 * chunk(b"abCd", b"")), "image/png"),
        (with_frames("GIF", 1000), "image/gif"),
        (with_frames("PNG", 1000), "image/png"),
        (with_frames("WEBP", 1000), "image/webp"),
    ],
    ids=["zTXt", "iCCP", "texts", "unknown chunks", "GIF frames", "APNG frames", "WebP frames"],
)
def test_bombs_beside_the_image_take_no_time(content: bytes, content_type: str) -> None:
    began = time.process_time()
    assert shrink(content, content_type, 320).width == 8
    assert time.process_time() - began < 4


@pytest.mark.parametrize("kind", ["TIFF", "DIB", "PPM", "TGA", "JPEG2000"])
def test_no_other_format_is_decoded(kind: str) -> None:
    content = saved(two_halves(64, 64), kind)
    for content_type in images.FORMATS:
        with pytest.raises(UnreadableImageError, match="broken"):
            shrink(content, content_type, 320)


def test_a_file_that_memory_does_not_hold_is_not_even_fetched(index: Any) -> None:
    index.s3.failing = True
    assert run(index, message(size=50_000_001)) == []
    assert index.sns.messages == []


def test_an_image_that_was_deleted_meanwhile_needs_none(index: Any) -> None:
    assert run(index, message()) == []
    assert index.sns.messages == []


@pytest.mark.parametrize("place", ["s3", "sns"])
def test_what_failed_around_an_image_is_tried_again(index: Any, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    index.s3.objects["accepted/ann/u1/cat.jpg"] = photo()

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalError"}}, "Any")

    monkeypatch.setattr(getattr(index, place), {"s3": "put_object", "sns": "publish"}[place], fail)
    other = message("accepted/ann/u2/gone.jpg")
    assert run(index, message()) == ["0"]
    assert run(index, message(), other) == ["0"]


SAMPLES = {
    "image/jpeg": photo(),
    "image/png": saved(two_halves(60, 40, "P"), "PNG"),
    "image/gif": saved(two_halves(60, 40), "GIF", save_all=True, append_images=[two_halves(60, 40, "L")]),
    "image/webp": saved(two_halves(60, 40), "WEBP"),
    "image/avif": saved(two_halves(60, 40), "AVIF"),
}


@settings(max_examples=150, deadline=None)
@given(
    content_type=st.sampled_from(sorted(SAMPLES)),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20),
    cut=st.floats(0.1, 1),
)
def test_damaged_bytes_give_a_thumbnail_or_a_reason(
    content_type: str, damage: list[tuple[float, int]], cut: float
) -> None:
    content = bytearray(SAMPLES[content_type])
    for place, value in damage:
        content[int(place * len(content))] = value
    try:
        thumbnail = shrink(bytes(content[: int(cut * len(content))]), content_type, 32).content
    except UnreadableImageError:
        return
    assert Image.open(io.BytesIO(thumbnail)).format == "WEBP"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=50
)
@given(others=st.lists(bodies(*message(), likely=tuple(message().values())), max_size=4), place=st.integers(0, 4))
def test_whatever_stands_beside_it_an_image_gets_its_thumbnail(index: Any, others: list[str], place: int) -> None:
    mine = message("accepted/ben/u9/cat.jpg", upload_id="u9")
    index.s3.objects = {mine["key"]: saved(two_halves(8, 4), "JPEG")}
    texts = [*others[:place], json.dumps(mine), *others[place:]]
    records = [{"messageId": str(number), "body": text} for number, text in enumerate(texts)]
    failed = index.handler({"Records": records}, CONTEXT)["batchItemFailures"]
    assert texts.index(json.dumps(mine)) not in {int(item["itemIdentifier"]) for item in failed}
    assert "accepted/ben/u9/thumbnail/320.webp" in index.s3.objects
