"""What a client's bytes say, read by the book: BadWire where the protocol of the dialect is broken.

    answer(dialect, body)               a whole answer
    stream(dialect, body, array=False)  a whole stream; facts.error is the error event that ended it
    error(dialect, status, body)        the body of an answer that is an error: {"message", "type", "code"}
"""
import json

from . import BadWire
from .client_anthropic import Anthropic
from .client_bedrock import Bedrock
from .client_chat import OpenAIChat
from .client_cohere import Cohere
from .client_gemini import Gemini
from .client_ollama import Ollama
from .client_responses import OpenAIResponses

READERS = {"openai-chat": OpenAIChat, "openai-responses": OpenAIResponses, "anthropic-messages": Anthropic,
           "gemini": Gemini, "bedrock-converse": Bedrock, "cohere-v2": Cohere, "ollama": Ollama}


def answer(dialect, body):
    try:
        value = json.loads(body)
    except ValueError:
        raise BadWire("no JSON: %r" % body[:200]) from None
    return READERS[dialect]().answer(value)


def stream(dialect, body, array=False):
    reader = READERS[dialect]()
    return reader.array(body) if array else reader.stream(body)


def error(dialect, status, body):
    try:
        value = json.loads(body)
    except ValueError:
        raise BadWire("no JSON: %r" % body[:200]) from None
    return READERS[dialect]().error(status, value)
