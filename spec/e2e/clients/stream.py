"""A program that knows nothing of gateways: base_url and api_key from .env, streams, measures its first token."""
import os
import time

from dotenv import load_dotenv
from openai import OpenAI

load_dotenv(".env")
client = OpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])

began, first, parts = time.monotonic(), None, []
for chunk in client.chat.completions.create(
        model=os.environ.get("MODEL", "mock/gpt"), stream=True,
        messages=[{"role": "user", "content": "Say hello in a few words."}]):
    text = chunk.choices[0].delta.content if chunk.choices else None
    if text:
        first = first or time.monotonic()
        parts.append(text)

print("answer:", "".join(parts))
print("chunks: %d" % len(parts))
print("time to first token: %.1f ms" % ((first - began) * 1000))
