"""Facts of an answer, read from its bytes: what it says, whatever the protocol.

Two readers that share nothing but these words: `provider` reads what a provider sent, in every odd shape that
providers send; `client` reads what a client gets, by the book, and raises BadWire where the protocol is broken.
Neither knows anything of the gateway.
"""
import json
from dataclasses import dataclass, field

DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")  # which most clients speak
ALL = (*DIALECTS, "bedrock-converse", "cohere-v2", "ollama")


class BadWire(AssertionError):
    """these bytes are not what the protocol allows"""


@dataclass
class Choice:
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list = field(default_factory=list)  # Call
    finish: str = None                         # stop, length, tool_calls, content_filter, error
    word: str = None                           # the finish as the protocol says it
    why: str = ""                              # what the provider says of a filter that ended it


@dataclass
class Call:
    name: str = ""
    id: str = ""
    arguments: str = ""  # JSON text
    signature: str = None

    @property
    def value(self):
        """the arguments as a value; the text itself where it is no JSON"""
        try:
            return json.loads(self.arguments or "{}")
        except ValueError:
            return self.arguments


@dataclass
class Usage:
    """input holds cached and cache_write, output holds reasoning; None is unknown"""
    input: int = None
    output: int = None
    cached: int = None
    cache_write: int = None
    reasoning: int = None


@dataclass
class Facts:
    choices: dict = field(default_factory=dict)     # index: Choice
    signatures: list = field(default_factory=list)  # opaque texts, in order
    usage: Usage = field(default_factory=Usage)
    citations: list = field(default_factory=list)   # addresses
    files: list = field(default_factory=list)       # names or ids of those that were cited
    images: list = field(default_factory=list)      # base64, or addresses
    sounds: list = field(default_factory=list)      # base64
    transcript: str = ""                            # of the sounds
    server: list = field(default_factory=list)      # what a provider's own tools did, by type
    model: str = None
    error: dict = None                              # {"message", "type", "code"}
    ended: bool = False                             # the protocol's own end was there

    def choice(self, index=0):
        return self.choices.setdefault(index, Choice())

    @property
    def first(self):
        return self.choices.get(0) or Choice()


def cite(facts, address, *names):
    """one source: an address, or what there is to name a file"""
    if address:
        facts.citations.append(address)
    else:
        facts.files += [n for n in names if n][:1]


def plus(*counts):
    """the sum of what is known; None when nothing is"""
    known = [c for c in counts if isinstance(c, (int, float)) and not isinstance(c, bool)]
    return int(sum(known)) if known else None
