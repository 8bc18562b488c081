"""Two gateways in a row, so that every dialect is both asked for and asked: the first has a provider of each dialect,
and each of them is the second one, whose only provider is the mock.

    chain.url                                   the first gateway
    chain.model("anthropic-messages", "fast")   the mock's model behind a provider that speaks this dialect alone
"""
from config import config
from facts import DIALECTS
from gateway import Gateway

KEY = "ck-app-key-0001"  # of clients of the first gateway
INNER_KEY = "sk-canary-of-the-second"  # what the first sends to the second
FILES = {"adapters/only_chat.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-chat' }\n",
         "adapters/only_responses.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-responses' }\n"}
EXTENDS = {"openai-chat": "only_chat", "openai-responses": "only_responses", "anthropic-messages": "anthropic",
           "gemini": "gemini"}
assert set(EXTENDS) == set(DIALECTS)


class Chain:
    def __init__(self, folder):
        self.made = []
        try:
            self._start_both(folder)
        except BaseException:
            self.kill()
            raise

    def _start_both(self, folder):
        second = self._start(folder / "second", config(
            {"mock": {}}, clients=[{"key": INNER_KEY, "name": "first"}], retry={"max": 0}))
        origin = second.url.removesuffix("/v1")
        providers = {name(dialect): {"extends": extends, "keys": [INNER_KEY],
                                     "base_url": second.url if dialect.startswith("openai") else origin}
                     for dialect, extends in EXTENDS.items()}
        self.first = self._start(folder / "first", config(
            providers, clients=[{"key": KEY, "name": "app"}], retry={"max": 0}), FILES)
        self.second = second
        self.url, self.origin = self.first.url, self.first.url.removesuffix("/v1")

    def _start(self, folder, text, files=None):
        folder.mkdir()
        one = Gateway(folder, text.replace("@LOG@", str(folder / "gateway.log")), files=files)
        self.made.append(one)
        return one.start()

    @staticmethod
    def model(dialect, of="fast"):
        return "%s/mock/%s" % (name(dialect), of)

    def close(self):
        try:
            for one in self.made[::-1]:
                one.settle()
                one.stop()
                one.check_canary()
        finally:
            self.kill()

    def kill(self):
        for one in self.made:
            one.kill()


def name(dialect):
    return "on_" + dialect.replace("-", "_")
