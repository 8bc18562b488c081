"""adapters/models/import.py: what it makes of the two public lists. T-32."""
import glob
import json
import os
import subprocess
import sys

import pytest

import gateway as program
from conformance import FOLDER

pytestmark = pytest.mark.slow

SCRIPT = os.path.join(program.ROOT, "adapters", "models", "import.py")
LISTS = sorted(glob.glob(os.path.join(FOLDER, "prices", "litellm*.json"))
               + glob.glob(os.path.join(FOLDER, "prices", "genai-prices.data.2*.json")), reverse=True)


def run(folder, litellm, genai):
    """what it writes, by file"""
    (folder / "out").mkdir(exist_ok=True)
    paths = folder / "litellm.2026-01-02.json", folder / "genai.2026-03-04.json"
    for path, value in zip(paths, (litellm, genai)):
        path.write_text(json.dumps(value))
    subprocess.run([sys.executable, SCRIPT, *map(str, paths), str(folder / "out")], check=True, capture_output=True,
                   timeout=60)
    return {path.name: path.read_text() for path in (folder / "out").iterdir()}


def chat(provider="openai", **more):
    return {"litellm_provider": provider, "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
            "max_input_tokens": 1000, **more}


def genai(provider="openai", **models):
    empty = {"anthropic", "aws", "azure", "cerebras", "cohere", "deepseek", "fireworks", "google", "groq", "minimax",
             "mistral", "moonshotai", "openai", "openrouter", "perplexity", "together", "voyageai", "x-ai", "zhipuai"}
    entries = [{"id": name, "match": {"equals": name}, "prices": prices} for name, prices in models.items()]
    return [{"id": name, "models": entries if name == provider else []} for name in sorted(empty)]


def line(text, name):
    found = [row for row in text.split("\n") if row.startswith('    ["%s"] = ' % name)]
    return found[0].split(" = ", 1)[1] if found else None


def test_a_model_is_a_line_with_its_figures_by_the_million(tmp_path):
    text = run(tmp_path, {"a": chat(cache_read_input_token_cost=2.5e-7, supports_vision=True, max_output_tokens=9,
                                    deprecation_date="2026-05-06")}, genai())["openai.lua"]
    assert line(text, "a") == ('{ context = 1000, max_output = 9, input = 1, output = 2, cached = 0.25, '
                               'caps = { "vision" }, retires = "2026-05-06" },')
    assert 'date = "2026-03-04"' in text and "2026-01-02" in text


def test_T32_the_dearer_of_two_prices_counts(tmp_path):
    lists = {"a": chat(), "b": chat(), "c": chat()}
    text = run(tmp_path, lists, genai(a={"input_mtok": 3, "output_mtok": 4}, b={"input_mtok": 0.1, "output_mtok": 0.1},
                                      d={"input_mtok": 5, "output_mtok": 6}))["openai.lua"]
    assert "input = 3, output = 4" in line(text, "a") and "input = 1, output = 2" in line(text, "b")
    assert "input = 5, output = 6" in line(text, "d")


def test_T32_a_rise_that_was_announced_counts_and_hours_do_not(tmp_path):
    later = [{"prices": {"input_mtok": 3, "output_mtok": 3}},
             {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 7, "output_mtok": 7}}]
    nights = [{"prices": {"input_mtok": 9, "output_mtok": 9}},
              {"constraint": {"start_time": "00:30:00Z", "end_time": "16:30:00Z"}, "prices": {"input_mtok": 8}}]
    text = run(tmp_path, {"a": chat(), "b": chat()}, genai(a=later, b=nights))["openai.lua"]
    assert "input = 7" in line(text, "a") and "input = 1" in line(text, "b")


def test_T32_no_tier_is_cheaper_than_what_is_below_it(tmp_path):
    tiers = {"input_cost_per_token_above_200k_tokens": 4e-6, "output_cost_per_token_above_200k_tokens": 1e-6,
             "cache_read_input_token_cost": 1e-7, "input_cost_per_token_above_200k_tokens_priority": 9e-6}
    ranges = {"tiered_pricing": [{"range": [0, 32000], "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
                                 {"range": [32000, 99000], "input_cost_per_token": 2e-6, "output_cost_per_token": 3e-6}]}
    text = run(tmp_path, {"a": chat(**tiers), "b": {**chat(), **ranges}}, genai())["openai.lua"]
    assert "tiers = { { above = 200000, input = 4, output = 2, cached = 0.4 } }" in line(text, "a")
    assert "input = 1, output = 1, tiers = { { above = 32000, input = 2, output = 3 } }" in line(text, "b")


def test_T32_what_is_not_known_is_not_free(tmp_path):
    none = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    text = run(tmp_path, {
        "a": chat(**none), "b:free": chat(**none), "c": {**chat(**none), "mode": "rerank", "input_cost_per_query": 1},
        "d": {**chat(output_cost_per_token=0), "mode": "embedding"}, "e": {**chat(**none), "mode": "moderation"},
    }, genai())["openai.lua"]
    assert "put = " not in line(text, "a") and "put = " not in line(text, "c")
    for name in ("b:free", "e"):
        assert "input = 0, output = 0" in line(text, name)
    assert line(text, "d").startswith('{ kind = "embed", context = 1000, input = 1, output = 0')


def test_what_the_rules_for_names_find_stands_once(tmp_path):
    lists = {"m": chat(), "m-20250101": chat(), "m-2025-01-02": chat(output_cost_per_token=9e-6),
             "anthropic.m-v1:0": chat("bedrock_converse"), "us.anthropic.m-v1:0": chat("bedrock_converse"),
             "eu.anthropic.m-v1:0": chat("bedrock_converse", input_cost_per_token=2e-6)}
    made = run(tmp_path, lists, genai())
    assert line(made["openai.lua"], "m") and not line(made["openai.lua"], "m-20250101")
    assert "output = 9" in line(made["openai.lua"], "m-2025-01-02")
    assert not line(made["bedrock.lua"], "us.anthropic.m-v1:0")
    assert "input = 2" in line(made["bedrock.lua"], "eu.anthropic.m-v1:0")


@pytest.mark.skipif(len(LISTS) != 2, reason="no lists of prices in " + FOLDER)
def test_what_is_shipped_is_what_it_makes(tmp_path):
    subprocess.run([sys.executable, SCRIPT, *LISTS, str(tmp_path)], check=True, capture_output=True, timeout=120)
    for name in os.listdir(tmp_path):
        with open(os.path.join(os.path.dirname(SCRIPT), name), encoding="utf-8") as file:
            assert file.read() == (tmp_path / name).read_text(), name
