"""HMA's endpoints: paths, parameters and answers of Hasher-Matcher-Actioner 2."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from models.pdq.hash import picture_hash
from streams.decode.settings import MediaSettings
from streams.exchange.hma.app import create_app
from streams.exchange.hma.hasher import Hasher
from streams.exchange.hma.lookup import Lookup
from tests.unit.decode.made import video
from tests.unit.exchange.test_export import detailed
from tests.unit.exchange.test_list_index import KEY, index, part

TOKEN = "a token of sixteen"
PICTURE = detailed(3, 0)
LISTED = picture_hash(Image.fromarray(PICTURE)).hashes[:1]
MD5 = bytes(range(16))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    found = Lookup(index(part("list-a", LISTED, (MD5,)), part("list-b", LISTED)), KEY)

    async def current() -> Lookup:
        return found

    async with Hasher(MediaSettings(file_roots=(tmp_path,))).opened() as hasher:
        transport = httpx.ASGITransport(create_app(hasher, current, TOKEN))  # type: ignore[arg-type]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://hma.test", headers=headers) as opened:
            yield opened


async def test_a_signal_is_looked_up(client: httpx.AsyncClient) -> None:
    near = f"{int(LISTED[0].tobytes().hex(), 16) ^ 0b111:064x}"
    raw = await client.get("/m/raw_lookup", params={"signal": near, "signal_type": "pdq"})
    numbers = raw.json()["matches"]
    assert (raw.status_code, len(numbers), {type(one) for one in numbers}) == (200, 2, {int})
    params = {"signal": near, "signal_type": "pdq", "include_distance": "true", "banks": "list-b"}
    (one,) = (await client.get("/m/raw_lookup", params=params)).json()["matches"]
    assert one == {"bank_content_id": one["bank_content_id"], "distance": "3"}
    assert one["bank_content_id"] in numbers
    found = (await client.get("/m/lookup", params={"signal": near, "signal_type": "pdq"})).json()
    assert found == {"list-a": [{**one, "bank_content_id": numbers[0]}], "list-b": [one]}
    md5 = {"signal": MD5.hex(), "signal_type": "video_md5"}
    assert list((await client.get("/m/lookup", params=md5)).json()) == ["list-a"]


async def test_an_uploaded_photo_is_hashed_and_found_also_turned(client: httpx.AsyncClient, tmp_path: Path) -> None:
    Image.fromarray(np.rot90(PICTURE)).save(tmp_path / "turned.jpg")
    content = (tmp_path / "turned.jpg").read_bytes()
    hashed = (await client.post("/h/hash", files={"photo": ("a.jpg", content, "image/jpeg")})).json()
    assert list(hashed) == ["pdq"]
    assert (await client.get("/m/lookup", params={"signal": hashed["pdq"], "signal_type": "pdq"})).json() == {}
    found = (await client.post("/m/lookup", files={"photo": ("a.jpg", content, "image/jpeg")})).json()
    assert set(found["pdq"]) == {"list-a", "list-b"}
    url = (tmp_path / "turned.jpg").as_uri()
    assert (await client.get("/h/hash", params={"url": url})).json() == hashed
    assert (await client.get("/m/lookup", params={"url": url})).json() == found


async def test_a_video_has_its_md5(client: httpx.AsyncClient, tmp_path: Path) -> None:
    file = video(tmp_path / "a.mp4", [PICTURE] * 5)
    answer = await client.post("/h/hash", files={"video": ("a.mp4", file.read_bytes(), "video/mp4")})
    assert list(answer.json()) == ["video_md5"]


@pytest.mark.parametrize(
    "params",
    [
        {"signal": "abc", "signal_type": "pdq"},
        {"signal": "00" * 16, "signal_type": "photodna"},
        {"signal": "00" * 16},
        {"url": "http://127.0.0.1/a.jpg"},
        {"url": "file:///etc/passwd"},
    ],
    ids=str,
)
async def test_what_cannot_be_looked_up_is_refused_as_at_hma(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    answer = await client.get("/m/lookup", params=params)
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


async def test_a_form_without_its_file_or_with_no_medium_is_refused(client: httpx.AsyncClient) -> None:
    for files in ({"other": ("a", b"x")}, {"photo": ("a.jpg", b"no picture" * 200)}):
        answer = await client.post("/h/hash", files=files)
        assert (answer.status_code, list(answer.json())) == (400, ["message"])


async def test_without_the_token_only_the_status_is_open(client: httpx.AsyncClient) -> None:
    wrong = {"Authorization": "Bearer x"}
    assert (await client.get("/status", headers=wrong)).text == "I-AM-ALIVE"
    for path in ("/h/hash?url=https://a.example/b", "/m/lookup?signal=a&signal_type=pdq", "/m/raw_lookup"):
        assert (await client.get(path, headers=wrong)).status_code == 401
    assert (await client.post("/m/lookup", headers=wrong)).status_code == 401
