"""What must survive between two dialects: each feature as clients of the four dialects write it, and how one sees
that it has arrived. Written from the protocols' documents; the features are in features_turns and features_settings."""
import json
from dataclasses import dataclass

from dialects import ALL, ANTHROPIC, GEMINI, OPENAI, RESPONSES

PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
PDF = "JVBERi0xLjQKMSAwIG9iago8PC9UeXBlL0NhdGFsb2c+PgplbmRvYmoKdHJhaWxlcjw8L1Jvb3QgMSAwIFI+PgolJUVPRg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
ADDRESS, PDF_ADDRESS = "@FILES@/cat.png", "@FILES@/report.pdf"
# Key order, spacing and numbers that an encoder of its own would not choose.
SCHEMA = ('{"type":"object","properties":{"zone":{"type":"string","description":"caf\u00e9"},'
          '"amount":{"type":"number"},"a":{"type":"array","items":{"type":"string"}}},'
          '"required":["zone","amount","a"],"additionalProperties":false}')
OPEN_SCHEMA = '{"properties":{"zone":{"type":"string"},"alpha":{"type":"integer"}},"required":["zone"],"type":"object"}'


def raw(text):
    return "@RAW@" + text + "@END@"


def dumps(body):
    """JSON bytes, with raw() as it is"""
    text = json.dumps(body, ensure_ascii=False)
    pieces = text.split('"@RAW@')
    whole = pieces[0]
    for piece in pieces[1:]:
        inner, rest = piece.split('@END@"', 1)
        whole += json.loads('"' + inner + '"') + rest
    return whole.encode()


@dataclass
class Feature:
    name: str
    bodies: dict                 # client dialect: members of its body
    arrived: object              # (asked, provider dialect) -> whether it is there
    word: str = ""               # what a warning says of it
    to: tuple = ALL              # providers that can take it; from the others a warning must come
    silent: tuple = ()           # providers to which its absence means the same


FEATURES = []


def feature(name, arrived, word="", to=ALL, silent=(), **bodies):
    names = {"chat": OPENAI, "responses": RESPONSES, "anthropic": ANTHROPIC, "gemini": GEMINI}
    FEATURES.append(Feature(name, {names[k]: v for k, v in bodies.items()}, arrived, word, to, silent))


def is_(name, value):
    return lambda asked, _: getattr(asked, name) == value


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


def contents(*parts):
    return [{"role": "user", "parts": list(parts)}]


def config(**values):
    return {"generationConfig": values}


TEXT = {"type": "text", "text": "look"}
INPUT_TEXT = {"type": "input_text", "text": "look"}
WEATHER = {"name": "weather", "description": "Weather of a city."}



def chat_tools(**more):
    return [{"type": "function", "function": {**WEATHER, "parameters": {"type": "object", "properties": {}}, **more}}]


def has_schema(asked, schema):
    """the very text; before Gemini 2.5 one in OpenAPI's words"""
    older = '"parameters":{' in asked.text or '"responseSchema":{' in asked.text
    return schema in asked.text or older and '"contents":' in asked.text \
        and all('"%s"' % name in asked.text for name in json.loads(schema)["properties"])
