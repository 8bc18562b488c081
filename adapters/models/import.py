#!/usr/bin/env python3
"""Writes adapters/models/NAME.lua: the models of each provider, with windows, prices and abilities.

    import.py LITELLM.json GENAI.json [FOLDER]

LITELLM.json is the price map of BerriAI/litellm, GENAI.json the data of pydantic/genai-prices (both
MIT; their figures are facts), each with its date in the file's name. The same files give the same
output. Rules, all on the safe side, because a table must not say less than the bill will:
- a price of the second source counts where it is the dearer one, or the only one;
- a rise that has been announced counts at once;
- a longer prompt that costs more is a tier, with all of its prices;
- a price of 0 counts where it is meant: models called free, moderation, output of what writes none.
"""
import json
import re
import sys
from pathlib import Path

KINDS = {
    "chat": None, "responses": None, "completion": None, "embedding": "embed", "rerank": "rerank",
    "moderation": "moderate", "image_generation": "image", "audio_transcription": "transcribe",
    "video_generation": "video",
}
WRITES_NOTHING = {"embed", "rerank", "moderate"}

# Our name: litellm's providers, the front of its keys, genai's provider.
PROVIDERS = {
    "anthropic": (["anthropic"], [], "anthropic"),
    "azure": (["azure", "azure_ai"], ["azure/", "azure_ai/"], "azure"),
    "bedrock": (["bedrock_converse", "bedrock"], [], "aws"),
    "bedrock_mantle": (["bedrock_mantle"], ["bedrock_mantle/"], None),
    "cerebras": (["cerebras"], ["cerebras/"], "cerebras"),
    "cohere": (["cohere_chat", "cohere"], ["cohere/"], "cohere"),
    "deepseek": (["deepseek"], ["deepseek/"], "deepseek"),
    "fireworks": (["fireworks_ai", "fireworks_ai-embedding-models"], ["fireworks_ai/"], "fireworks"),
    "gemini": (["gemini"], ["gemini/"], "google"),
    "groq": (["groq"], ["groq/"], "groq"),
    "huggingface": ([], [], None),
    "minimax": (["minimax"], ["minimax/"], "minimax"),
    "mistral": (["mistral"], ["mistral/"], "mistral"),
    "moonshot": (["moonshot"], ["moonshot/"], "moonshotai"),
    "openai": (["openai", "text-completion-openai"], [], "openai"),
    "openrouter": (["openrouter"], ["openrouter/"], "openrouter"),
    "perplexity": (["perplexity"], ["perplexity/"], "perplexity"),
    "qwen": (["dashscope"], ["dashscope/"], None),
    "together": (["together_ai"], ["together_ai/"], "together"),
    "vertex": (
        ["vertex_ai-language-models", "vertex_ai-anthropic_models", "vertex_ai-embedding-models",
         "vertex_ai-mistral_models", "vertex_ai-llama_models", "vertex_ai-deepseek_models",
         "vertex_ai-qwen_models", "vertex_ai-openai_models", "vertex_ai-zai_models",
         "vertex_ai-minimax_models", "vertex_ai-moonshot_models", "vertex_ai-image-models",
         "vertex_ai-video-models"], ["vertex_ai/"], "google"),
    "voyage": (["voyage"], ["voyage/"], "voyageai"),
    "xai": (["xai"], ["xai/"], "x-ai"),
    "zhipu": (["zai"], ["zai/"], "zhipuai"),
}
# Where a slash is no part of a name but stands behind a region, a size or another service.
NO_SLASH = {"azure", "bedrock", "openai", "perplexity", "anthropic"}
# Names of classes of models, not of models.
NO_MODEL = re.compile(r"^(together-ai-|fireworks-ai-|medlm|sample_spec)")

CAPS = [
    ("audio", "supports_audio_input"), ("cache", "supports_prompt_caching"),
    ("files", "supports_pdf_input"), ("json", "supports_response_schema"),
    ("reasoning", "supports_reasoning"), ("search", "supports_web_search"),
    ("tools", "supports_function_calling"), ("vision", "supports_vision"),
]
PRICES = ["input", "output", "cached", "cache_write", "reasoning"]
LITELLM_PRICES = {
    "input": "input_cost_per_token", "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost", "cache_write": "cache_creation_input_token_cost",
    "reasoning": "output_cost_per_reasoning_token",
}
GENAI_PRICES = {
    "input": "input_mtok", "output": "output_mtok", "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}
ORDER = ["kind", "context", "max_output", *PRICES, "image", "second", "tiers", "caps", "retires"]


def million(price):
    """USD per token as USD per million, without what binary fractions add"""
    return float("%.9g" % (price * 1e6))


# ---- litellm ------------------------------------------------------------------------------------

def prices_of(entry, suffix=""):
    return {name: million(entry[key + suffix]) for name, key in LITELLM_PRICES.items()
            if isinstance(entry.get(key + suffix), (int, float))}


def complete_tier(tier, base):
    """What a tier does not name: the cache is as much dearer as its input, else all is as below it."""
    factor = tier["input"] / base["input"] if base.get("input") and "input" in tier else 1
    for name in ("cached", "cache_write"):
        if name in base and name not in tier:
            tier[name] = float("%.9g" % (base[name] * factor))
    for name in PRICES:
        if name in base:
            tier[name] = max(base[name], tier.get(name, 0))


def litellm_tiers(entry):
    found = {}
    for key in entry:
        match = re.fullmatch(r"(.+)_above_(\d+)k_tokens", key)
        if match and match[1] in LITELLM_PRICES.values():
            found[int(match[2])] = prices_of(entry, "_above_%sk_tokens" % match[2])
    return [{"above": size * 1000, **prices} for size, prices in sorted(found.items()) if prices]


def ranges(entry):
    """Prices by the length of the prompt, the first without a bound."""
    rows = sorted(entry["tiered_pricing"], key=lambda row: row["range"][0])
    base = prices_of(rows[0])
    return base, [{"above": int(row["range"][0]), **prices_of(row)} for row in rows[1:]]


def is_free(name):
    return re.search(r"[:-]free$", name.lower()) is not None


def clean_prices(model, name):
    """Leaves out what stands for "not known", and what says nothing that another price does not."""
    kind = model.get("kind")
    is_meant = is_free(name) or kind == "moderate"
    if not (model.get("input") or model.get("output")) and not is_meant:
        for price in PRICES:
            model.pop(price, None)
        model.pop("tiers", None)
    elif kind in WRITES_NOTHING:
        model["output"] = 0
    if "input" not in model:
        for price in PRICES:
            model.pop(price, None)
    for price in ("cached", "cache_write"):
        if not model.get(price):
            model.pop(price, None)
            for tier in model.get("tiers", []):
                tier.pop(price, None)
    if model.get("reasoning") == model.get("output"):
        model.pop("reasoning", None)
        for tier in model.get("tiers", []):
            tier.pop("reasoning", None)


def of_litellm(entry):
    model = {"kind": KINDS[entry["mode"]]}
    if "tiered_pricing" in entry:
        base, tiers = ranges(entry)
    else:
        base = prices_of(entry)
        tiers = litellm_tiers(entry)
    model.update(base)
    if tiers:
        model["tiers"] = tiers
    # Pictures are counted in the same tokens, at a price of their own.
    of_pictures = entry.get("output_cost_per_image_token")
    if model["kind"] == "image" and of_pictures:
        model["output"] = max(million(of_pictures), model.get("output", 0))
    if model["kind"] == "image":
        model["image"] = entry.get("output_cost_per_image") or entry.get("input_cost_per_image")
    if model["kind"] in ("transcribe", "video"):
        model["second"] = max(entry.get("output_cost_per_second") or 0,
                              entry.get("output_cost_per_video_per_second") or 0,
                              entry.get("input_cost_per_second") or 0)
    if isinstance(entry.get("max_input_tokens"), (int, float)):
        model["context"] = int(entry["max_input_tokens"])
    if isinstance(entry.get("max_output_tokens"), (int, float)) and model["kind"] is None:
        model["max_output"] = int(entry["max_output_tokens"])
    model["caps"] = [cap for cap, key in CAPS if entry.get(key)]
    model["retires"] = entry.get("deprecation_date")
    return model


def name_of(key, fronts):
    front = next((front for front in fronts if key.startswith(front)), "")
    return key[len(front):]


def from_litellm(data, provider):
    sources, fronts, _ = PROVIDERS[provider]
    result = {}
    for source in sources:
        for key, entry in data.items():
            name = name_of(key, fronts)
            if entry.get("litellm_provider") != source or entry.get("mode") not in KINDS \
                    or NO_MODEL.match(name) or (provider in NO_SLASH and "/" in name):
                continue
            result.setdefault(name, of_litellm(entry))
    return result


# ---- genai-prices -------------------------------------------------------------------------------

def in_force(prices):
    """The prices of the last day that is known of, by day; none that hold at some hours only."""
    if isinstance(prices, dict):
        return prices
    if any("start_time" in row.get("constraint", {}) for row in prices):
        return {}
    return prices[-1]["prices"]


def genai_prices(entry):
    base, starts = {}, {}
    for name, key in GENAI_PRICES.items():
        value = in_force(entry["prices"]).get(key)
        if isinstance(value, dict):
            for tier in value["tiers"]:
                starts.setdefault(int(tier["start"]), {})[name] = tier["price"]
            value = value["base"]
        if value is not None:
            base[name] = float(value)
    model = dict(base)
    if starts:
        model["tiers"] = [{"above": start, **prices} for start, prices in sorted(starts.items())]
    return model


def matches(clause, name):
    (kind, value), = clause.items()
    if kind in ("or", "and"):
        return (any if kind == "or" else all)(matches(item, name) for item in value)
    if kind == "regex":
        return re.search(value, name) is not None
    text, name = value.lower(), name.lower()
    return {"equals": name == text, "starts_with": name.startswith(text),
            "ends_with": name.endswith(text), "contains": text in name}[kind]


def equal_names(clause):
    if "equals" in clause:
        return [clause["equals"]]
    return [item["equals"] for item in clause.get("or", []) if "equals" in item]


def genai_name(entry, provider):
    """What a model is called in the provider's words, or None; other spellings are nobody's names."""
    name = entry["id"].replace("regional.", "", 1) if provider == "bedrock" else entry["id"]
    if provider == "zhipu":
        return name.lower()
    if provider != "bedrock" and not matches(entry["match"], name):
        name = next(iter(equal_names(entry["match"])), "-")
    return None if name.endswith("-") else name


def kind_by_name(name):
    if re.search(r"embed|^voyage-", name):
        return "embed"
    return "rerank" if "rerank" in name else None


def from_genai(data, provider):
    source = PROVIDERS[provider][2]
    result = {}
    for entry in data[source]["models"] if source else []:
        model = genai_prices(entry)
        if entry.get("deprecated") or not model:
            continue
        name = genai_name(entry, provider)
        if name:
            result.setdefault(name, {
                "kind": kind_by_name(name), "context": entry.get("context_window"), **model})
    if provider == "huggingface":
        result = from_routers(data)
    # The prices of Claude and others at Google stand in its list by parts of names only.
    if provider in ("gemini", "vertex"):
        result = {name: model for name, model in result.items() if name.startswith("gem")}
    return result


def from_routers(data):
    """Hugging Face asks others: their prices are those of "model:other"."""
    result = {}
    for source in data:
        if source.startswith("huggingface_"):
            for entry in data[source]["models"]:
                name = entry["id"] + ":" + source.replace("huggingface_", "")
                result[name] = {"context": entry.get("context_window"), **genai_prices(entry)}
    return result


# ---- both ---------------------------------------------------------------------------------------

def weight(model):
    """What tells the dearer of two: a prompt is mostly longer than its answer."""
    top = {**model, **(model.get("tiers") or [{}])[-1]}
    return sum(3 * part.get("input", 0) + part.get("output", 0) for part in (model, top))


def merge(first, second):
    for name, other in second.items():
        model = first.setdefault(name, {"kind": other.get("kind")})
        if not model.get("context") and other.get("context"):
            model["context"] = int(other["context"])
        if "input" not in model or weight(other) > weight(model):
            for price in (*PRICES, "tiers"):
                model.pop(price, None)
                if price in other:
                    model[price] = other[price]
        for price in ("cached", "cache_write"):
            if price in other and price not in model and other.get("input") == model.get("input"):
                model[price] = other[price]
    return first


DATE = re.compile(r"(-\d{8}|-\d{4}-\d{2}-\d{2}|@[\w-]+)$")
REGION = re.compile(r"^(us|eu|apac|jp|au|ca|global)\.(?=\w+\.)")


def is_said_by(model, other):
    """True when the entry of another name says the same, but for when it ends."""
    return other is not None and all(model.get(name) == other.get(name)
                                     for name in ORDER if name != "retires")


def without_repetitions(models):
    """What the rules for names find under a shorter one need not stand twice."""
    return {name: model for name, model in models.items()
            if not any(rule.search(name) and is_said_by(model, models.get(rule.sub("", name)))
                       for rule in (DATE, REGION))}


def is_worth_it(model):
    return any(model.get(name) is not None for name in ("input", "image", "second", "context"))


def models_of(litellm, genai, provider):
    models = merge(from_litellm(litellm, provider), from_genai(genai, provider))
    for name, model in models.items():
        for tier in model.get("tiers", []):
            complete_tier(tier, model)
        clean_prices(model, name)
    return without_repetitions({name: model for name, model in models.items() if is_worth_it(model)})


# ---- writing ------------------------------------------------------------------------------------

def lua(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "%d" % value if value == int(value) else "%.9g" % value
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "{ " + ", ".join(lua(item) for item in value) + " }"
    return "{ " + ", ".join("%s = %s" % (name, lua(item)) for name, item in value.items()) + " }"


def line(name, model):
    fields = {field: model[field] for field in ORDER if model.get(field) not in (None, [])}
    return "    [%s] = %s,\n" % (lua(name), lua(fields))


def date_of(path):
    match = re.search(r"\d{4}-\d{2}-\d{2}", path.name)
    return match[0] if match else sys.exit("%s: no date in the file's name" % path)


def text_of(provider, models, dates):
    return ("-- What is known of the models of %s, one a line: made by import.py from figures of litellm\n"
            "-- (%s) and genai-prices (%s). USD per million tokens, per picture and per second.\n"
            "return tide.models {\n  date = \"%s\",\n  models = {\n%s  },\n}\n" % (
                provider, *dates, max(dates),
                "".join(line(name, models[name]) for name in sorted(models))))


def main(litellm_path, genai_path, folder=None):
    paths = Path(litellm_path), Path(genai_path)
    litellm = json.loads(paths[0].read_text())
    genai = {provider["id"]: provider for provider in json.loads(paths[1].read_text())}
    folder = Path(folder) if folder else Path(__file__).parent
    for provider in PROVIDERS:
        models = models_of(litellm, genai, provider)
        if models:
            text = text_of(provider, models, [date_of(path) for path in paths])
            (folder / (provider + ".lua")).write_text(text)
            print("%-12s %4d models" % (provider, len(models)))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
