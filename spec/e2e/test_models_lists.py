"""GET /v1/models and /v1beta/models: the same models in the shape of each service, page by page."""
import pytest

from config import config, provider
from dialects import ANTHROPIC, GEMINI, OPENAI, error_of

pytestmark = pytest.mark.slow

FOR_ANTHROPIC = {"anthropic-version": "2023-06-01"}
COUNT = 45


@pytest.fixture
def many(gateway, refused):
    """"m01" to "m45" """
    models = {"m%02d" % i: ["p/x"] for i in range(1, COUNT + 1)}
    return gateway(config({"p": provider(refused, models=["listed"])}, models=models))


NAMES = ["m%02d" % i for i in range(1, COUNT + 1)] + ["p/listed"]


def test_an_openai_client_gets_all_at_once(many):
    body = many.get("/v1/models").json
    assert body["object"] == "list" and [m["id"] for m in body["data"]] == NAMES
    assert body["data"][-1] == {"id": "p/listed", "object": "model", "created": 0, "owned_by": "p"}
    assert many.get("/v1/models/m07").json["id"] == "m07"


def test_an_anthropic_client_goes_from_page_to_page(many):
    found, after = [], ""
    while True:
        page = many.get("/v1/models?limit=20" + after, headers=FOR_ANTHROPIC).json
        assert page["first_id"] == page["data"][0]["id"] and page["last_id"] == page["data"][-1]["id"]
        found += [m["id"] for m in page["data"]]
        if not page["has_more"]:
            break
        after = "&after_id=" + page["last_id"]
    assert found == NAMES
    one = many.get("/v1/models/p%2Flisted", headers=FOR_ANTHROPIC).json
    assert one["type"] == "model" and one["id"] == "p/listed" and one["display_name"] and one["created_at"]


def test_an_anthropic_client_gets_20_unless_it_says_how_many(many):
    page = many.get("/v1/models", headers=FOR_ANTHROPIC).json
    assert len(page["data"]) == 20 and page["has_more"]
    page = many.get("/v1/models?before_id=m03", headers=FOR_ANTHROPIC).json
    assert [m["id"] for m in page["data"]] == ["m01", "m02"] and not page["has_more"]


def test_a_gemini_client_goes_from_page_to_page(many):
    found, token = [], ""
    while True:
        page = many.get("/v1beta/models?pageSize=20" + token).json
        found += [m["name"] for m in page["models"]]
        if not page.get("nextPageToken"):
            break
        token = "&pageToken=" + page["nextPageToken"]
    assert found == ["models/" + name for name in NAMES]
    one = many.get("/v1beta/models/p/listed").json
    assert one["name"] == "models/p/listed" and "generateContent" in one["supportedGenerationMethods"]


def test_googles_sdks_may_ask_below_v1(many):
    body = many.get("/v1/models", headers={"x-goog-api-client": "google-genai-sdk/1.0"}).json
    assert body["models"][0]["name"] == "models/m01"


@pytest.mark.parametrize("path, headers, dialect", [
    ("/v1/models/nope", {}, OPENAI), ("/v1/models/nope", FOR_ANTHROPIC, ANTHROPIC),
    ("/v1beta/models/nope", {}, GEMINI),
])
def test_T37_a_model_that_there_is_not_is_a_404_in_each_shape(many, path, headers, dialect):
    assert "nope" in error_of(dialect, many.get(path, headers=headers), 404)
