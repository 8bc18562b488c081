"""A program that asks without streaming, tries again with exponential back-off, and logs what it used."""
import os
import random
import time

from dotenv import load_dotenv
from openai import APIConnectionError, APIStatusError, OpenAI, RateLimitError

load_dotenv(".env")
client = OpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"], max_retries=0)


def ask(prompt, tries=6, wait=0.05):
    for turn in range(tries):
        try:
            return client.chat.completions.create(model=os.environ.get("MODEL", "mock/gpt"),
                                                  messages=[{"role": "user", "content": prompt}])
        except (RateLimitError, APIConnectionError) as problem:
            reason = problem
        except APIStatusError as problem:
            if problem.status_code < 500:
                raise
            reason = problem
        pause = wait * 2 ** turn * (1 + random.random())
        print("try %d failed (%s), again in %.2f s" % (turn + 1, type(reason).__name__, pause))
        time.sleep(pause)
    raise SystemExit("no answer after %d tries" % tries)


answer = ask("Name one river.")
print("answer:", answer.choices[0].message.content)
print("usage: %d in, %d out" % (answer.usage.prompt_tokens, answer.usage.completion_tokens))
